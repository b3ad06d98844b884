locals {
  topic_key_arn       = coalesce(var.topic_kms_key_arn, var.kms_key_arn, "none")
  creates_alarm_topic = var.email_address != "" && var.alarm_topic_arn == ""
  alarm_topic_arns    = concat(aws_sns_topic.alarms[*].arn, compact([var.alarm_topic_arn]))

  # The policy of a topic replaces the default policy, so it repeats that policy's rights of the
  # account itself.
  own_account_actions = [
    "sns:AddPermission",
    "sns:DeleteTopic",
    "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic",
    "sns:Publish",
    "sns:RemovePermission",
    "sns:SetTopicAttributes",
    "sns:Subscribe",
  ]
}

resource "aws_sns_topic" "digests" {
  #checkov:skip=CKV_AWS_26:Encrypted with a KMS key if topic_kms_key_arn or kms_key_arn is given
  count = local.creates_topic ? 1 : 0

  name_prefix = "${var.name}-digests-"
  # Shown as the sender of emails.
  display_name      = "packwatch"
  kms_master_key_id = local.topic_key_arn == "none" ? null : local.topic_key_arn
}

resource "aws_sns_topic_policy" "digests" {
  count = local.creates_topic ? 1 : 0

  arn = aws_sns_topic.digests[0].arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AllowOwnAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = local.own_account_actions
        Resource  = aws_sns_topic.digests[0].arn
      },
      {
        Sid       = "DenyInsecureTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.digests[0].arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "digests" {
  count = local.creates_topic && var.email_address != "" ? 1 : 0

  topic_arn = aws_sns_topic.digests[0].arn
  protocol  = "email"
  endpoint  = var.email_address
}

# No KMS key: CloudWatch cannot use it unless the key's policy lets it.
resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:CloudWatch could not publish with a key whose policy does not name it, and alarms hold no secrets
  count = local.creates_alarm_topic ? 1 : 0

  name_prefix  = "${var.name}-alarms-"
  display_name = "packwatch alarms"
}

resource "aws_sns_topic_policy" "alarms" {
  count = local.creates_alarm_topic ? 1 : 0

  arn = aws_sns_topic.alarms[0].arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AllowOwnAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = local.own_account_actions
        Resource  = aws_sns_topic.alarms[0].arn
      },
      {
        Sid       = "AllowAlarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms[0].arn
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account_id }
          ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:*" }
        }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "alarms" {
  count = local.creates_alarm_topic ? 1 : 0

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = var.email_address
}
