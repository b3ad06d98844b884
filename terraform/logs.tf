# Created before the function runs, so that its logs never go to a group without retention.
resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_158:Encrypted with a KMS key if kms_key_arn is given
  #checkov:skip=CKV_AWS_338:Kept as long as log_retention_days says
  # Not below /aws/lambda/, where an earlier function of that name may have left a group.
  name              = "/packwatch/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn == "" ? null : var.kms_key_arn
}

# The queries of texts.tf, which are those of template.yaml.
resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.queries

  name            = each.key
  log_group_names = [aws_cloudwatch_log_group.function.name]
  query_string    = each.value
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard ? 1 : 0

  # Dashboard names are global: functions of the same name in two regions would overwrite each other's.
  dashboard_name = "${var.name}-${local.region}"
  dashboard_body = local.dashboard_body
}
