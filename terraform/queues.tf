# Runs that failed three times, each with its error.
resource "aws_sqs_queue" "failed_runs" {
  name_prefix = "${var.name}-failed-runs-"
  # Two weeks, the longest retention of SQS.
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = var.kms_key_arn == "" ? true : null
  kms_master_key_id         = var.kms_key_arn == "" ? null : var.kms_key_arn
}

# Invocations that EventBridge Scheduler could not deliver.
resource "aws_sqs_queue" "failed_starts" {
  name_prefix               = "${var.name}-failed-starts-"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = var.kms_key_arn == "" ? true : null
  kms_master_key_id         = var.kms_key_arn == "" ? null : var.kms_key_arn
}

resource "aws_sqs_queue_policy" "failed_runs" {
  queue_url = aws_sqs_queue.failed_runs.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "DenyInsecureTransport"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = aws_sqs_queue.failed_runs.arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_sqs_queue_policy" "failed_starts" {
  queue_url = aws_sqs_queue.failed_starts.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "DenyInsecureTransport"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = aws_sqs_queue.failed_starts.arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
