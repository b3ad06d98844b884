# The variables are the parameters of template.yaml, in snake case and with the same defaults. Lists,
# numbers and switches have Terraform's own types. `name` and `package*` are of this module alone.

# The package

variable "name" {
  description = "Name of the function, and prefix of the names of all other resources. The function owns its ledger by this name: with another name, adopt the ledger."
  type        = string
  default     = "packwatch"
  nullable    = false

  validation {
    # The prefix of an IAM role has at most 38 characters, and that of a bucket no capital letters.
    condition     = can(regex("^[a-z]([a-z0-9-]{0,22}[a-z0-9])?$", var.name))
    error_message = "name must be 1 to 24 lowercase letters, digits and hyphens, and begin with a letter."
  }
}

variable "package" {
  description = "Path of the release zip packwatch-<version>-<architecture>.zip on this machine. Give this, or package_bucket and package_key."
  type        = string
  default     = null

  validation {
    condition     = (var.package != null) != (var.package_bucket != null && var.package_key != null)
    error_message = "Give either package, or package_bucket and package_key."
  }
}

variable "package_bucket" {
  description = "Bucket in this region that holds the release zip."
  type        = string
  default     = null

  validation {
    condition     = var.package_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.package_bucket))
    error_message = "package_bucket must be a bucket name of 3 to 63 lowercase letters, digits, dots and hyphens."
  }

  validation {
    condition     = (var.package_bucket == null) == (var.package_key == null)
    error_message = "package_bucket and package_key belong together."
  }
}

variable "package_key" {
  description = "Key of the release zip in package_bucket."
  type        = string
  default     = null

  validation {
    condition     = var.package_key != "" && length(coalesce(var.package_key, "none")) <= 1024
    error_message = "package_key must have 1 to 1024 characters."
  }
}

variable "package_version" {
  description = "Version id of the release zip in package_bucket. Without it, Terraform does not see that another zip has the same key."
  type        = string
  default     = null

  validation {
    condition     = var.package_version == null || (var.package_bucket != null && var.package_version != "")
    error_message = "package_version must not be empty, and needs package_bucket and package_key."
  }
}

# Basics

variable "email_address" {
  description = "Subscribed to the digest topic that this module creates, and to the alarm topic that it creates if alarm_topic_arn is empty; AWS asks the address to confirm each. Empty: no subscription."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^$|^[^@,\\s]+@[^@,\\s]+\\.[^@,\\s]+$", var.email_address))
    error_message = "email_address must be empty or one email address."
  }

  validation {
    condition     = var.email_address == "" || var.existing_topic_arn == ""
    error_message = "email_address works only with a topic that this module creates. Subscribe the address to existing_topic_arn by hand."
  }
}

variable "regions" {
  description = "Regions to read. Empty: the region of the provider."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for region in var.regions : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)+-[a-z0-9]*[0-9]$", region))])
    error_message = "regions must be a list of regions such as eu-west-1."
  }

  validation {
    # The environment of a function has at most 4 KB.
    condition     = length(join(",", var.regions)) <= 512
    error_message = "regions must have at most 512 characters, joined by commas."
  }
}

variable "reader_role_arns" {
  description = "ARNs of roles to assume in other accounts that deploy packs, one role per account. modules/reader creates such a role."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    # It is also the resource list of sts:AssumeRole, so it accepts whole ARNs only: no wildcard, and not the word "self".
    condition     = alltrue([for arn in var.reader_role_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=.@_/-]+$", arn))])
    error_message = "reader_role_arns must be a list of ARNs of IAM roles, without wildcards."
  }

  validation {
    # Four roles whose names are the longest.
    condition     = length(join(",", var.reader_role_arns)) <= 420
    error_message = "reader_role_arns must have at most 420 characters, joined by commas."
  }
}

variable "schedule_expression" {
  description = "Schedule expression of EventBridge Scheduler. If it is not every 15 minutes, change no_run_alarm_minutes too."
  type        = string
  default     = "rate(15 minutes)"
  nullable    = false

  validation {
    # A one-time schedule, at(...), would never run again.
    condition     = can(regex("^rate\\([1-9][0-9]* (minutes?|hours?|days?)\\)$|^cron\\((\\*|[0-5]?\\d)([,/-][0-5]?\\d)* (\\*|[01]?\\d|2[0-3])([,/-]([01]?\\d|2[0-3]))* (\\?|(\\*|LW?|(0?[1-9]|[12]\\d|3[01])W?)([,/-](0?[1-9]|[12]\\d|3[01])W?)*) (\\*|0?[1-9]|1[0-2]|[A-Z]{3})([,/-](0?[1-9]|1[0-2]|[A-Z]{3}))* (\\?|(\\*|L|([1-7]|[A-Z]{3})(L|#[1-5])?)([,/-]([1-7]|[A-Z]{3}))*) (\\*|(19|2[01])\\d\\d)([,/-]\\d+)*\\)$", var.schedule_expression))
    error_message = "schedule_expression must be an EventBridge Scheduler expression such as rate(15 minutes) or cron(0 * * * ? *)."
  }

  validation {
    condition     = !startswith(var.schedule_expression, "cron") || length(split("?", var.schedule_expression)) == 2
    error_message = "schedule_expression must have a ? as the day of the month or as the day of the week, and only there."
  }
}

variable "alarm_topic_arn" {
  description = "Topic in this region that the alarms notify. Empty: with email_address, a topic that this module creates; without it, the alarms exist without an action. The topic's policy, and the policy of its key if it has one, must allow cloudwatch.amazonaws.com to publish. Use a topic other than that of the digests."
  type        = string
  default     = ""
  nullable    = false

  validation {
    # CloudWatch refuses FIFO topics.
    condition     = can(regex("^$|^arn:aws[a-z-]*:sns:[a-z][a-z0-9]*(-[a-z0-9]+)+-[a-z0-9]*[0-9]:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must be empty or the ARN of a standard SNS topic."
  }
}

variable "summary_schedule" {
  description = "Schedule expression of a run that always sends a summary, in UTC. off: no summary."
  type        = string
  default     = "cron(0 8 ? * MON *)"
  nullable    = false

  validation {
    condition     = can(regex("^off$|^rate\\([1-9][0-9]* (minutes?|hours?|days?)\\)$|^cron\\((\\*|[0-5]?\\d)([,/-][0-5]?\\d)* (\\*|[01]?\\d|2[0-3])([,/-]([01]?\\d|2[0-3]))* (\\?|(\\*|LW?|(0?[1-9]|[12]\\d|3[01])W?)([,/-](0?[1-9]|[12]\\d|3[01])W?)*) (\\*|0?[1-9]|1[0-2]|[A-Z]{3})([,/-](0?[1-9]|1[0-2]|[A-Z]{3}))* (\\?|(\\*|L|([1-7]|[A-Z]{3})(L|#[1-5])?)([,/-]([1-7]|[A-Z]{3}))*) (\\*|(19|2[01])\\d\\d)([,/-]\\d+)*\\)$", var.summary_schedule))
    error_message = "summary_schedule must be off or an EventBridge Scheduler expression such as cron(0 8 ? * MON *)."
  }

  validation {
    condition     = !startswith(var.summary_schedule, "cron") || length(split("?", var.summary_schedule)) == 2
    error_message = "summary_schedule must have a ? as the day of the month or as the day of the week, and only there."
  }
}

# What to read

variable "read_own_account" {
  description = "Whether to read packs deployed from this account. Always true when reader_role_arns is empty."
  type        = bool
  default     = true
  nullable    = false
}

variable "role_external_id" {
  description = "External id that is passed when the reader roles are assumed."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^$|^[A-Za-z0-9+=,.@:/_-]{2,96}$", var.role_external_id))
    error_message = "role_external_id must be empty or 2 to 96 letters, digits or any of +=,.@:/-_."
  }
}

variable "include_packs" {
  description = "Globs on names of packs to read. Empty: all packs."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for pack in var.include_packs : can(regex("^([A-Za-z0-9_-]|[?*]|\\[!?[A-Za-z0-9_-]+\\])+$", pack)) && !strcontains(pack, "**")])
    error_message = "include_packs must be a list of globs such as baseline* and prod-?."
  }

  validation {
    condition     = length(join(",", var.include_packs)) <= 256
    error_message = "include_packs must have at most 256 characters, joined by commas."
  }
}

variable "exclude_packs" {
  description = "Globs on names of packs to leave out."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for pack in var.exclude_packs : can(regex("^([A-Za-z0-9_-]|[?*]|\\[!?[A-Za-z0-9_-]+\\])+$", pack)) && !strcontains(pack, "**")])
    error_message = "exclude_packs must be a list of globs such as baseline* and prod-?."
  }

  validation {
    condition     = length(join(",", var.exclude_packs)) <= 256
    error_message = "exclude_packs must have at most 256 characters, joined by commas."
  }
}

variable "concurrency" {
  description = "Concurrent calls to AWS Config for each account and region. null: 8."
  type        = number
  default     = null

  validation {
    condition     = var.concurrency == null || can(regex("^([1-9]|[1-5][0-9]|6[0-4])$", var.concurrency))
    error_message = "concurrency must be null or a whole number from 1 to 64."
  }
}

# What to notify, and where

variable "ignore_accounts" {
  description = "Ids of member accounts whose failures are recorded and never notified."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for account in var.ignore_accounts : can(regex("^[0-9]{12}$", account))])
    error_message = "ignore_accounts must be a list of account ids of 12 digits."
  }

  validation {
    condition     = length(var.ignore_accounts) <= 100
    error_message = "ignore_accounts must have at most 100 account ids."
  }
}

variable "announce_after_minutes" {
  description = "Pending period. A failure is notified once it is this old; one that ends before is never notified."
  type        = number
  # An account that joins the organization fails until its configuration recorder exists.
  default  = 60
  nullable = false

  validation {
    condition     = var.announce_after_minutes >= 0 && var.announce_after_minutes <= 43200 && floor(var.announce_after_minutes) == var.announce_after_minutes
    error_message = "announce_after_minutes must be a whole number from 0 to 43200."
  }
}

variable "remind_after_hours" {
  description = "Repeat interval. An open failure is notified again this long after its last notification. 0: never."
  type        = number
  default     = 168
  nullable    = false

  validation {
    condition     = var.remind_after_hours >= 0 && var.remind_after_hours <= 8784 && floor(var.remind_after_hours) == var.remind_after_hours
    error_message = "remind_after_hours must be a whole number from 0 to 8784."
  }
}

variable "stuck_after_hours" {
  description = "A member account that has been in progress for this long counts as failing. 0: never."
  type        = number
  default     = 24
  nullable    = false

  validation {
    condition     = var.stuck_after_hours >= 0 && var.stuck_after_hours <= 8784 && floor(var.stuck_after_hours) == var.stuck_after_hours
    error_message = "stuck_after_hours must be a whole number from 0 to 8784."
  }
}

variable "account_names" {
  description = "Whether to look up the names of failing accounts in AWS Organizations. If the lookup is denied, digests show ids only."
  type        = bool
  default     = true
  nullable    = false
}

variable "access_portal_url" {
  description = "IAM Identity Center access portal, such as https://example.awsapps.com/start, for links to member accounts. Empty: no such links."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^$|^https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~-]+)*/?$", var.access_portal_url)) && length(var.access_portal_url) <= 128
    error_message = "access_portal_url must be empty or an address of at most 128 characters such as https://example.awsapps.com/start."
  }
}

variable "label" {
  description = "Short word, such as prod, that is shown in subjects and texts."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{0,24}$", var.label))
    error_message = "label must be at most 24 letters, digits or any of -_.."
  }
}

variable "existing_topic_arn" {
  description = "Existing topic for the digests instead of a new one, in any region, standard or FIFO. If it belongs to another account, its policy must allow this account to publish."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^$|^arn:aws[a-z-]*:sns:[a-z][a-z0-9]*(-[a-z0-9]+)+-[a-z0-9]*[0-9]:[0-9]{12}:([A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\\.fifo)$", var.existing_topic_arn)) && length(var.existing_topic_arn) <= 128
    error_message = "existing_topic_arn must be empty or the ARN of an SNS topic, with at most 128 characters."
  }
}

variable "chat_topic_arn" {
  description = "Second topic, for Amazon Q Developer in chat applications. It must be a standard topic, and must differ from the topic of the digests."
  type        = string
  default     = ""
  nullable    = false

  validation {
    # Amazon Q Developer cannot subscribe to FIFO topics.
    condition     = can(regex("^$|^arn:aws[a-z-]*:sns:[a-z][a-z0-9]*(-[a-z0-9]+)+-[a-z0-9]*[0-9]:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.chat_topic_arn)) && length(var.chat_topic_arn) <= 128
    error_message = "chat_topic_arn must be empty or the ARN of a standard SNS topic, with at most 128 characters."
  }

  validation {
    condition     = var.chat_topic_arn == "" || var.chat_topic_arn != var.existing_topic_arn
    error_message = "chat_topic_arn must differ from existing_topic_arn."
  }
}

variable "event_bus_name" {
  description = "EventBridge event bus for digests and causes as events: a name, or the ARN of a bus of another account or region, whose policy must allow this account to put events. Empty: no events."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^$|^(arn:aws[a-z-]*:events:[a-z][a-z0-9]*(-[a-z0-9]+)+-[a-z0-9]*[0-9]:[0-9]{12}:event-bus/)?[A-Za-z0-9._-]{1,256}$", var.event_bus_name)) && length(var.event_bus_name) <= 128
    error_message = "event_bus_name must be empty, or the name or the ARN of an event bus, with at most 128 characters."
  }
}

# Storage

variable "existing_bucket_name" {
  description = "Existing bucket in this region to use instead of a new one. Turn on versioning, or a damaged ledger cannot be restored. The module does not change its policy or lifecycle rules; no rule may expire ledger.json."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.existing_bucket_name))
    error_message = "existing_bucket_name must be empty or a bucket name of 3 to 63 lowercase letters, digits, dots and hyphens."
  }
}

variable "snapshot_prefix" {
  description = "Key prefix of all objects. It ends in /. No other function may have the same prefix in the same bucket. With another prefix, the function starts with an empty ledger."
  type        = string
  default     = ""
  nullable    = false

  validation {
    # Wildcards and "${" have a meaning of their own in policies.
    condition     = can(regex("^$|^[A-Za-z0-9!_.'()=-][A-Za-z0-9!_.'()=/-]{0,126}/$", var.snapshot_prefix))
    error_message = "snapshot_prefix must be empty or end in /, with at most 128 letters, digits and any of !_.'()=/- only."
  }
}

variable "snapshot_retention_days" {
  description = "Days to keep snapshots in a bucket that this module creates; after that they can be restored for another 30 days. 0: forever."
  type        = number
  # Long enough to compare with the same day of the year before.
  default  = 400
  nullable = false

  validation {
    condition     = contains([0, 30, 60, 90, 120, 180, 365, 400, 731, 1096, 1827, 2557, 3653], var.snapshot_retention_days)
    error_message = "snapshot_retention_days must be 0, 30, 60, 90, 120, 180, 365, 400, 731, 1096, 1827, 2557 or 3653."
  }
}

variable "snapshot_encryption" {
  description = "Encryption that every write to the bucket requests, for a bucket whose policy requires the header x-amz-server-side-encryption: AES256, aws:kms, aws:kms:dsse or the ARN of a key. Empty: the default of the bucket. Without an ARN, aws:kms and aws:kms:dsse use the key aws/s3, not the bucket's."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^$|^AES256$|^aws:kms(:dsse)?$|^arn:aws[a-z-]*:kms:[a-z][a-z0-9]*(-[a-z0-9]+)+-[a-z0-9]*[0-9]:[0-9]{12}:key/[A-Za-z0-9-]+$", var.snapshot_encryption)) && length(var.snapshot_encryption) <= 96
    error_message = "snapshot_encryption must be empty, AES256, aws:kms, aws:kms:dsse or the ARN of a KMS key, not an alias, with at most 96 characters."
  }
}

variable "log_level" {
  description = "Log level of the function. TRACE logs no more than DEBUG."
  type        = string
  # The metrics line has this level too, so Lambda never filters it out.
  default  = "INFO"
  nullable = false

  validation {
    condition     = contains(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"], var.log_level)
    error_message = "log_level must be TRACE, DEBUG, INFO, WARN or ERROR."
  }
}

variable "log_retention_days" {
  description = "Days to keep logs."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch Logs accepts, such as 30, 90 or 365."
  }
}

variable "kms_key_arn" {
  description = "KMS key in this region for the bucket, topic, queues and log group that this module creates. The key policy must allow IAM policies of this account, and must allow logs.<region>.amazonaws.com Encrypt, Decrypt, ReEncrypt, GenerateDataKey and Describe."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^$|^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be empty or the ARN of a KMS key, not an alias."
  }
}

variable "topic_kms_key_arn" {
  description = "KMS key of the topic that this module creates, if it is not kms_key_arn."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^$|^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.topic_kms_key_arn))
    error_message = "topic_kms_key_arn must be empty or the ARN of a KMS key, not an alias."
  }
}

variable "existing_key_arns" {
  description = "KMS keys of existing_bucket_name, existing_topic_arn and chat_topic_arn, each in the region of its bucket or topic."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.existing_key_arns : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", arn))])
    error_message = "existing_key_arns must be a list of ARNs of KMS keys, not aliases."
  }
}

# Operation

variable "schedule_state" {
  description = "Whether the schedules start the function: ENABLED or DISABLED. While they are disabled, the alarms on missing runs do not exist."
  type        = string
  default     = "ENABLED"
  nullable    = false

  validation {
    condition     = contains(["ENABLED", "DISABLED"], var.schedule_state)
    error_message = "schedule_state must be ENABLED or DISABLED."
  }
}

variable "no_run_alarm_minutes" {
  description = "Minutes without a committed run, or without a complete one, until an alarm. Use four times the longest interval of the schedule, and at least twice. 0: no such alarms; use it for a schedule that pauses for more than 12 hours."
  type        = number
  default     = 60
  nullable    = false

  validation {
    # With periods of one minute, CloudWatch evaluates one day at most.
    condition     = var.no_run_alarm_minutes >= 0 && var.no_run_alarm_minutes <= 1440 && floor(var.no_run_alarm_minutes) == var.no_run_alarm_minutes
    error_message = "no_run_alarm_minutes must be a whole number from 0 to 1440."
  }
}

variable "architecture" {
  description = "Processor architecture of the function: arm64 or x86_64. The package must be built for it."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "memory_size" {
  description = "Memory of the function in MB. More open failures need more memory."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240 && floor(var.memory_size) == var.memory_size
    error_message = "memory_size must be a whole number from 128 to 10240."
  }
}

variable "metrics" {
  description = "Metrics that CloudWatch stores and bills: alarms, those of the alarms, or all. The log has all values either way."
  type        = string
  default     = "alarms"
  nullable    = false

  validation {
    condition     = contains(["alarms", "all"], var.metrics)
    error_message = "metrics must be alarms or all."
  }
}

variable "dashboard" {
  description = "Whether to create a CloudWatch dashboard. It needs metrics = \"all\". The saved queries of CloudWatch Logs Insights show the same and cost nothing until they run."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.dashboard || var.metrics == "all"
    error_message = "dashboard needs metrics = \"all\", because a dashboard shows CloudWatch metrics."
  }
}

variable "tracing" {
  description = "Whether Lambda sends a trace of every run to AWS X-Ray."
  type        = bool
  default     = false
  nullable    = false
}

variable "documentation_url" {
  description = "Address of a copy of the repository, such as https://git.example.com/packwatch/blob/main/. It ends in /. Alarms link to docs/operations.md below it."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^$|^https://[^\\s?#]+/$", var.documentation_url)) && length(var.documentation_url) <= 256
    error_message = "documentation_url must be empty or an https address of at most 256 characters that ends in /."
  }
}
