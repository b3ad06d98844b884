# The role by which packwatch reads the organization conformance packs that another account deploys.
# Create it in that account, a delegated administrator of config-multiaccountsetup or the management
# account, and give the role's ARN to packwatch in reader_role_arns.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

resource "aws_iam_role" "reader" {
  name        = var.role_name
  description = "Lets packwatch read organization conformance packs."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [merge(
      {
        Effect    = "Allow"
        Principal = { AWS = var.function_role_arn }
        Action    = "sts:AssumeRole"
      },
      var.external_id == "" ? {} : { Condition = { StringEquals = { "sts:ExternalId" = var.external_id } } },
    )]
  })
}

resource "aws_iam_role_policy" "reader" {
  name = "packwatch"
  role = aws_iam_role.reader.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "ListPacks"
        Effect = "Allow"
        Action = "config:DescribeOrganizationConformancePackStatuses"
        # This action does not support resources.
        Resource = "*"
      },
      {
        Sid    = "ReadPacks"
        Effect = "Allow"
        Action = "config:GetOrganizationConformancePackDetailedStatus"
        # Every region, because REGIONS may contain any.
        Resource = "arn:${data.aws_partition.current.partition}:config:*:${data.aws_caller_identity.current.account_id}:organization-conformance-pack/*"
      },
    ]
  })
}
