# The function in one delegated administrator, and a reader role in another one, in one apply.

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

variable "other_account_id" {
  description = "Account id of the other delegated administrator."
  type        = string
}

variable "other_account_role" {
  description = "Role in the other account by which Terraform creates resources there."
  type        = string
  default     = "OrganizationAccountAccessRole"
}

locals {
  # The module of the function needs the ARN of the reader role, and that role the ARN of the
  # function's role. A name that is fixed here breaks the circle.
  reader_role_name = "packwatch-reader"
}

provider "aws" {
  region = "eu-west-1"
}

provider "aws" {
  alias  = "other"
  region = "eu-west-1"

  assume_role {
    role_arn = "arn:aws:iam::${var.other_account_id}:role/${var.other_account_role}"
  }
}

module "packwatch" {
  source = "../.."

  package          = var.package
  regions          = ["eu-west-1", "us-east-1"]
  reader_role_arns = ["arn:aws:iam::${var.other_account_id}:role/${local.reader_role_name}"]
  role_external_id = "packwatch"
}

module "reader" {
  source = "../../modules/reader"

  providers = {
    aws = aws.other
  }

  function_role_arn = module.packwatch.function_role_arn
  external_id       = "packwatch"
  role_name         = local.reader_role_name
}

output "check_command" {
  description = "Run this first."
  value       = module.packwatch.check_command
}
