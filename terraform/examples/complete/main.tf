# The function in one account, with a digest topic of the team, a chat topic, events, and a key.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}

variable "package" {
  description = "Path of packwatch-<version>-arm64.zip, downloaded from the release."
  type        = string
}

variable "email_address" {
  description = "Gets digests and alarms after it has confirmed both subscriptions."
  type        = string
}

provider "aws" {
  region = "eu-west-1"
}

resource "aws_kms_key" "packwatch" {
  description         = "packwatch"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.key.json
}

data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:The policy of a key names the key as *
  #checkov:skip=CKV_AWS_111:The policy of a key names the key as *
  #checkov:skip=CKV_AWS_356:The policy of a key names the key as *
  statement {
    sid       = "OwnAccount"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.eu-west-1.amazonaws.com"]
    }
  }
}

resource "aws_sns_topic" "chat" {
  name              = "packwatch-chat"
  kms_master_key_id = aws_kms_key.packwatch.arn
}

resource "aws_cloudwatch_event_bus" "operations" {
  name = "operations"
}

# From outside this repository: source = "git::https://<host>/<owner>/packwatch.git//terraform?ref=v<version>"
module "packwatch" {
  source = "../.."

  package       = var.package
  email_address = var.email_address
  regions       = ["eu-west-1", "us-east-1"]
  label         = "prod"

  chat_topic_arn    = aws_sns_topic.chat.arn
  event_bus_name    = aws_cloudwatch_event_bus.operations.name
  access_portal_url = "https://example.awsapps.com/start"
  exclude_packs     = ["sandbox-*"]
  ignore_accounts   = ["222233334444"]

  # The key of what the module creates, and of the chat topic.
  kms_key_arn             = aws_kms_key.packwatch.arn
  existing_key_arns       = [aws_kms_key.packwatch.arn]
  snapshot_prefix         = "packwatch/"
  snapshot_retention_days = 731

  metrics   = "all"
  dashboard = true
}

output "check_command" {
  description = "Run this first."
  value       = module.packwatch.check_command
}

output "dashboard_name" {
  description = "Name of the dashboard in CloudWatch."
  value       = module.packwatch.dashboard_name
}
