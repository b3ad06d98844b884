output "role_arn" {
  description = "ARN of the role, for variable reader_role_arns of the packwatch module."
  value       = aws_iam_role.reader.arn
}
