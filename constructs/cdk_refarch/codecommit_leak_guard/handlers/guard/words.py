"""The words around 40 characters that speak for a secret access key of AWS, or against it; in small letters."""

import re

NAMES = (
    b"secretaccess",
    b"accesssecret",
    b"accesskeysecret",
    b"awssecret",
    b"amazonsecret",
    b"s3secret",
    b"sessecret",
    b"secretaws",
    b"awssk",
    b"awskey",
    b"secretkey",
    b"newstaticv",
    b"staticcredentials",
)
OF_AWS = (b"aws", b"amazon", b"boto")
SERVICES = (
    b" s3 ",
    b" s3a ",
    b" s3n ",
    b" iam ",
    b" sts ",
    b" ses ",
    b" sqs ",
    b" sns ",
    b" ec2 ",
    b" dynamodb ",
    b" minio ",
)
PRIVATE = (
    b"secret",
    b"cred",
    b"key ",
    b"keys ",
    b" sk ",
    b"pass ",
    b"passw",
    b"pwd ",
    b" pw ",
    b" private",
    b"connection",
)
PASSWORDS = (b"pass", b"passwd", b"password", b"pwd", b"passphrase")
OTHER_THINGS = (
    *(
        b"sha",
        b"digest",
        b"hash",
        b"hashes",
        b"_md",
        b"-md",
        b"integrity",
        b"checksum",
        b"checksums",
        b"commit",
        b"rev",
        b"revision",
    ),
    *(
        b"etag",
        b"signature",
        b"fingerprint",
        b"thumbprint",
        b"nonce",
        b"salt",
        b"cursor",
        b"cert",
        b"certificate",
        b"guid",
    ),
    *(
        b"publickey",
        b"public_key",
        b"pubkey",
        b"apikey",
        b"api_key",
        b"api-key",
        b"ssh-rsa",
        b"uuid",
        b"cache",
        b"blob",
    ),
    *(
        b"keyid",
        b"key_id",
        b"key-id",
        b"requestid",
        b"request_id",
        b"request-id",
        b"tree",
        b"parent",
        b"image",
        b"license",
    ),
    *(b"token", b"href", b"avatar", b"_id", b"-id", b"externalid", b"hostid", b"physicalid", b"logicalid"),
    *(b"ciphertext", b"asset", b"path", b"group", b"encrypted"),
)
OTHERS = re.compile(
    rb"stripe|paypal|captcha|jwt|session|cookie|csrf|xsrf|django|flask|rails|laravel|webhook|oauth|client|github|gitlab"
    rb"|bitbucket|slack|twitter|facebook|google|gcp|azure|heroku|datadog|npm|docker|twilio|sendgrid|mailgun|okta|auth0"
    rb"|algolia|sentry|cloudflare|digitalocean|aliyun|alibaba|tencent|qcloud|huawei|linode|shopify|square|braintree"
    rb"|plaid|coinbase|binance|kraken|signing|encrypt|hmac|app[_.-]?(?:secret|key)|(?:obs|ibm|oci)[_.-]|consumer|relic|mapbox"
    rb"|firebase|pusher|segment|nexus|sonar|artifactory|jfrog|hubspot|zoom|discord|telegram|linkedin|dropbox|vault|consul"
    rb"|rabbit|kafka|salesforce|token|key_?base|auth_?secret"
    rb"|grafana|superset|airflow|spotify|fb[_.-]|instagram|tiktok|reddit|wechat|keycloak|gitea|harbor|mattermost|zendesk"
    rb"|intercom|adyen|xero|strava|twitch|api[_.-]?secret"
)
"""Whose secrets they are if the name does not say AWS."""

NEVER = re.compile(
    rb"webhook|signing|jwt|csrf|xsrf|captcha|cookie|hmac|oauth|cognito|encryption|credential_?secret|keycloak"
)
"""Whose secrets they are whatever the name says besides."""
SAYS_NOTHING = frozenset(
    [b"", *b"value default val string text data plaintext stringvalue str s b is content const literal env".split()]
)
ASSIGNED = (b"secret", b"key", b"pass", b"pwd", b"token", b"cred", b"salt", b"auth")
"""In the names of what has a name of its own."""

IDS = (b"akia", b"asia")
