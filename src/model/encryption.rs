//! Encryption that a write to S3 asks for.

/// [Server-side encryption](https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html)
/// of the stored objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectEncryption {
    /// `AES256`: keys of S3.
    Aes256,
    /// `aws:kms`: a key of AWS KMS.
    Kms {
        /// ARN of the key; `None` for the key `aws/s3`, which AWS manages.
        key_arn: Option<String>,
    },
    /// `aws:kms:dsse`: two layers of encryption, with the key `aws/s3`.
    KmsDsse,
}
