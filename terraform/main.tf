# Deploy it in the organization's management account or in a delegated administrator for
# config-multiaccountsetup.amazonaws.com: AWS Config denies the calls to any other account. An empty
# variable keeps the function's own default.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  # `name` is deprecated from version 6 of the provider, and `region` does not exist before it.
  region = data.aws_region.current.id

  creates_bucket = var.existing_bucket_name == ""
  bucket_name    = one(concat(aws_s3_bucket.this[*].bucket, local.creates_bucket ? [] : [var.existing_bucket_name]))
  bucket_arn     = one(concat(aws_s3_bucket.this[*].arn, local.creates_bucket ? [] : ["arn:${local.partition}:s3:::${var.existing_bucket_name}"]))

  creates_topic = var.existing_topic_arn == ""
  topic_arn     = one(concat(aws_sns_topic.digests[*].arn, local.creates_topic ? [] : [var.existing_topic_arn]))

  event_bus_arn = startswith(var.event_bus_name, "arn:") ? var.event_bus_name : "arn:${local.partition}:events:${local.region}:${local.account_id}:event-bus/${var.event_bus_name}"

  # Without a reader role, this account is the only source.
  reads_own_account = var.read_own_account || length(var.reader_role_arns) == 0
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:Tracing is a variable
  #checkov:skip=CKV_AWS_115:No reserved concurrency: concurrent runs are safe, see below
  #checkov:skip=CKV_AWS_116:The event invoke configuration sends failed runs to a queue, with the error
  #checkov:skip=CKV_AWS_117:It calls public AWS endpoints only; a VPC would need a NAT gateway or an endpoint for each service
  #checkov:skip=CKV_AWS_173:No variable is a secret, and Lambda encrypts all of them with its own key
  #checkov:skip=CKV_AWS_272:The release is verified by its checksum and attestation before it is deployed
  function_name = var.name
  description   = "Watches organization conformance packs."
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  architectures = [var.architecture]
  memory_size   = var.memory_size
  # A run reserves 20 seconds for storing and publishing; a pack that is not read by then is a gap.
  # A run still ends before the next one starts.
  timeout = 300
  # No reserved concurrency: the ledger is stored by compare-and-swap, so concurrent runs have the
  # same result as consecutive ones.
  role = aws_iam_role.function.arn

  filename          = var.package
  source_code_hash  = var.package == null ? null : filebase64sha256(var.package)
  s3_bucket         = var.package_bucket
  s3_key            = var.package_key
  s3_object_version = var.package_version

  logging_config {
    log_format            = "JSON"
    application_log_level = var.log_level
    log_group             = aws_cloudwatch_log_group.function.name
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  environment {
    variables = {
      SNAPSHOT_BUCKET        = local.bucket_name
      SNAPSHOT_PREFIX        = var.snapshot_prefix
      SNAPSHOT_ENCRYPTION    = var.snapshot_encryption
      TOPIC_ARN              = local.topic_arn
      CHAT_TOPIC_ARN         = var.chat_topic_arn
      EVENT_BUS              = var.event_bus_name
      REGIONS                = join(",", var.regions)
      ROLE_ARNS              = join(",", concat(local.reads_own_account ? ["self"] : [], var.reader_role_arns))
      ROLE_EXTERNAL_ID       = var.role_external_id
      INCLUDE_PACKS          = join(",", var.include_packs)
      EXCLUDE_PACKS          = join(",", var.exclude_packs)
      IGNORE_ACCOUNTS        = join(",", var.ignore_accounts)
      ANNOUNCE_AFTER_MINUTES = tostring(var.announce_after_minutes)
      REMIND_AFTER_HOURS     = tostring(var.remind_after_hours)
      STUCK_AFTER_HOURS      = tostring(var.stuck_after_hours)
      ACCOUNT_NAMES          = var.account_names ? "on" : "off"
      ACCESS_PORTAL_URL      = var.access_portal_url
      CONCURRENCY            = var.concurrency == null ? "" : tostring(var.concurrency)
      METRICS                = var.metrics
      LABEL                  = var.label
    }
  }

  # A run without its permissions would fail.
  depends_on = [aws_iam_role_policy.function]
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name = aws_lambda_function.this.function_name
  # Lambda retries a failed run twice, after one and two minutes; each takes five minutes at most.
  # Half an hour covers all three.
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 1800

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed_runs.arn
    }
  }
}
