# The variables are the parameters of roles/reader.yaml, in snake case and with the same defaults.

variable "function_role_arn" {
  description = "ARN of the function's role, output function_role_arn of the packwatch module. The role must exist."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$", var.function_role_arn))
    error_message = "function_role_arn must be the ARN of an IAM role, without wildcards."
  }
}

variable "external_id" {
  description = "External id required to assume the role, variable role_external_id of the packwatch module. Empty requires none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    # Terraform's regular expressions repeat at most 1,000 times.
    condition     = can(regex("^$|^[A-Za-z0-9+=,.@:/_-]{2,}$", var.external_id)) && length(var.external_id) <= 1224
    error_message = "external_id must be empty or 2 to 1224 letters, digits or any of +=,.@:/-_."
  }
}

variable "role_name" {
  description = "Name of the role. IAM roles are global, so one role serves every region."
  type        = string
  default     = "packwatch-reader"
  nullable    = false

  validation {
    # IAM also allows a comma, which separates ARNs in ROLE_ARNS.
    condition     = can(regex("^[A-Za-z0-9+=.@_-]{1,64}$", var.role_name))
    error_message = "role_name must be 1 to 64 letters, digits or any of +=.@_-."
  }
}
