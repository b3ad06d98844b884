locals {
  names_encryption_key = startswith(var.snapshot_encryption, "arn:")
  key_arns             = compact([var.kms_key_arn, var.topic_kms_key_arn, local.names_encryption_key ? var.snapshot_encryption : ""])

  function_statements = concat(
    [{
      Sid      = "WriteLogs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.function.arn}:*"
    }],
    !var.tracing ? [] : [{
      Sid    = "WriteTraces"
      Effect = "Allow"
      Action = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      # These actions do not support resources.
      Resource = "*"
    }],
    !local.reads_own_account ? [] : [{
      Sid    = "ListPacks"
      Effect = "Allow"
      Action = "config:DescribeOrganizationConformancePackStatuses"
      # This action does not support resources.
      Resource = "*"
    }],
    !local.reads_own_account ? [] : [{
      Sid    = "ReadPacks"
      Effect = "Allow"
      Action = "config:GetOrganizationConformancePackDetailedStatus"
      # Every region, because REGIONS may contain any.
      Resource = "arn:${local.partition}:config:*:${local.account_id}:organization-conformance-pack/*"
    }],
    length(var.reader_role_arns) == 0 ? [] : [{
      Sid      = "AssumeReaderRoles"
      Effect   = "Allow"
      Action   = "sts:AssumeRole"
      Resource = var.reader_role_arns
    }],
    !var.account_names ? [] : [{
      Sid    = "LookUpNames"
      Effect = "Allow"
      Action = "organizations:DescribeAccount"
      # Account ARNs contain the management account's id, which a delegated administrator does not know.
      Resource = "arn:${local.partition}:organizations::*:account/*"
    }],
    [{
      # For the check of the setup. These actions do not support resources.
      Sid      = "CheckOrganization"
      Effect   = "Allow"
      Action   = ["organizations:DescribeOrganization", "organizations:ListDelegatedAdministrators"]
      Resource = "*"
    }],
    # Object by object: without a prefix, the rest of an existing bucket must stay closed.
    [{
      Sid    = "ReadAndWriteObjects"
      Effect = "Allow"
      Action = ["s3:GetObject", "s3:PutObject"]
      Resource = [
        for key in ["snapshots/*", "latest.json", "ledger.json", "preflight.json", "report.html"] :
        "${local.bucket_arn}/${var.snapshot_prefix}${key}"
      ]
    }],
    # Without it S3 answers 403 instead of 404 for a missing ledger, so a first run would look like a
    # denied one. Without a prefix the whole bucket belongs to packwatch.
    [merge(
      {
        Sid      = "ListForMissingObjects"
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = local.bucket_arn
      },
      var.snapshot_prefix == "" ? {} : { Condition = { StringLike = { "s3:prefix" = "${var.snapshot_prefix}*" } } },
    )],
    [{
      Sid      = "CheckVersioning"
      Effect   = "Allow"
      Action   = "s3:GetBucketVersioning"
      Resource = local.bucket_arn
    }],
    [{
      Sid      = "PublishDigests"
      Effect   = "Allow"
      Action   = ["sns:Publish", "sns:GetTopicAttributes"]
      Resource = concat([local.topic_arn], var.chat_topic_arn == "" ? [] : [var.chat_topic_arn])
    }],
    var.event_bus_name == "" ? [] : [{
      Sid      = "PutEvents"
      Effect   = "Allow"
      Action   = "events:PutEvents"
      Resource = local.event_bus_arn
      Condition = {
        "ForAllValues:StringEquals" = { "events:source" = "packwatch" }
        Null                        = { "events:source" = "false" }
      }
    }],
    var.event_bus_name == "" ? [] : [{
      Sid      = "CheckEventBus"
      Effect   = "Allow"
      Action   = "events:DescribeEventBus"
      Resource = local.event_bus_arn
    }],
    # Lambda sends failed runs to the queue with the function's role.
    [{
      Sid      = "SendFailedRuns"
      Effect   = "Allow"
      Action   = "sqs:SendMessage"
      Resource = aws_sqs_queue.failed_runs.arn
    }],
    length(local.key_arns) == 0 ? [] : [{
      Sid      = "UseKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = local.key_arns
      # Only on behalf of these services.
      Condition = { StringLike = { "kms:ViaService" = ["s3.*", "sns.*", "sqs.*"] } }
    }],
    length(var.existing_key_arns) == 0 ? [] : [{
      Sid       = "UseExistingKeys"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = var.existing_key_arns
      Condition = { StringLike = { "kms:ViaService" = ["s3.*", "sns.*"] } }
    }],
    # S3 leaves an object under the key that encrypted it. Without this statement, no run could read the
    # ledger after kms_key_arn has been changed or removed.
    [{
      Sid      = "ReadWithFormerKeys"
      Effect   = "Allow"
      Action   = "kms:Decrypt"
      Resource = "arn:${local.partition}:kms:${local.region}:${local.account_id}:key/*"
      Condition = {
        StringLike = {
          "kms:ViaService" = "s3.*"
          # The bucket if it has a bucket key, else the object.
          "kms:EncryptionContext:aws:s3:arn" = [local.bucket_arn, "${local.bucket_arn}/*"]
        }
      }
    }],
  )

  schedule_statements = concat(
    [{
      Sid      = "InvokeFunction"
      Effect   = "Allow"
      Action   = "lambda:InvokeFunction"
      Resource = aws_lambda_function.this.arn
    }],
    [{
      Sid      = "SendFailedRuns"
      Effect   = "Allow"
      Action   = "sqs:SendMessage"
      Resource = aws_sqs_queue.failed_starts.arn
    }],
    var.kms_key_arn == "" ? [] : [{
      Sid       = "UseKey"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = var.kms_key_arn
      Condition = { StringLike = { "kms:ViaService" = "sqs.*" } }
    }],
  )
}

resource "aws_iam_role" "function" {
  name_prefix = "${var.name}-function-"
  description = "Permissions of the packwatch function."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  name   = "packwatch"
  role   = aws_iam_role.function.name
  policy = jsonencode({ Version = "2012-10-17", Statement = local.function_statements })
}

resource "aws_iam_role" "schedule" {
  name_prefix = "${var.name}-schedule-"
  description = "Permissions of the packwatch schedule."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = local.account_id
          "aws:SourceArn"     = aws_scheduler_schedule_group.this.arn
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "schedule" {
  name   = "packwatch"
  role   = aws_iam_role.schedule.name
  policy = jsonencode({ Version = "2012-10-17", Statement = local.schedule_statements })
}
