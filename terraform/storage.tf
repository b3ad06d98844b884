# Terraform cannot delete a bucket that holds objects, so the ledger survives a `terraform destroy`,
# which fails there. README.md says how to keep or to empty the bucket.
resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:An access log needs a second bucket; CloudTrail data events can serve instead
  #checkov:skip=CKV_AWS_19:Encryption is a resource of its own, below
  #checkov:skip=CKV_AWS_21:Versioning is a resource of its own, below
  #checkov:skip=CKV_AWS_144:The ledger says what was notified from this region; a copy elsewhere serves nothing
  #checkov:skip=CKV_AWS_145:Encrypted with a KMS key if kms_key_arn is given
  #checkov:skip=CKV2_AWS_6:Public access is blocked by a resource of its own, below
  #checkov:skip=CKV2_AWS_61:The lifecycle is a resource of its own, below
  #checkov:skip=CKV2_AWS_62:Nothing needs to know of new objects
  count = local.creates_bucket ? 1 : 0

  bucket_prefix = "${var.name}-"
}

# The previous version restores a damaged ledger.
resource "aws_s3_bucket_versioning" "this" {
  count = local.creates_bucket ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  count = local.creates_bucket ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == "" ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn == "" ? null : var.kms_key_arn
    }

    # One KMS call serves many objects.
    bucket_key_enabled = var.kms_key_arn == "" ? null : true
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  #checkov:skip=CKV_AWS_300:The last rule aborts uploads in the whole bucket
  count = local.creates_bucket ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  dynamic "rule" {
    for_each = var.snapshot_retention_days == 0 ? [] : [var.snapshot_retention_days]

    content {
      id     = "snapshots"
      status = "Enabled"

      filter {
        prefix = "${var.snapshot_prefix}snapshots/"
      }

      expiration {
        days = rule.value
      }
    }
  }

  # Glacier Instant Retrieval is read like any other class, also by Athena. Only objects above 128 KB
  # move: smaller ones are billed as 128 KB, and moving a small snapshot costs more than it ever
  # saves. Objects move after 30 days, and the cheaper storage class bills at least 90.
  dynamic "rule" {
    for_each = contains([30, 60, 90], var.snapshot_retention_days) ? [] : [30]

    content {
      id     = "large-snapshots"
      status = "Enabled"

      filter {
        and {
          prefix                   = "${var.snapshot_prefix}snapshots/"
          object_size_greater_than = 131072
        }
      }

      transition {
        storage_class = "GLACIER_IR"
        days          = rule.value
      }
    }
  }

  # Old versions of the ledger and of latest.json, and expired snapshots. This rule expires no
  # current version.
  rule {
    id     = "leftovers"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_ownership_controls" "this" {
  count = local.creates_bucket ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  count = local.creates_bucket ? 1 : 0

  bucket                  = aws_s3_bucket.this[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "this" {
  count = local.creates_bucket ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "DenyInsecureTransport"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.this[0].arn, "${aws_s3_bucket.this[0].arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}
