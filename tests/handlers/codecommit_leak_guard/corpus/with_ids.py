"""Files with the id of a key: ``@I@`` is where, ``@S@`` where its secret is if it is there."""

WITH_IDS: dict[str, str] = {
    "credentials file": "[default]\naws_access_key_id = @I@\naws_secret_access_key = @S@\n",
    "secret first": "aws_secret_access_key=@S@\naws_access_key_id=@I@\n",
    "shell": "export AWS_ACCESS_KEY_ID=@I@\nexport AWS_SECRET_ACCESS_KEY=@S@\n",
    "shell one line": "AWS_ACCESS_KEY_ID=@I@ AWS_SECRET_ACCESS_KEY=@S@ aws s3 ls\n",
    "csv": (
        "User name,Password,Access key ID,Secret access key,Console login link\n"
        "ci,,@I@,@S@,https://x.signin.aws.amazon.com/console\n"
    ),
    "csv bom": "\ufeffAccess key ID,Secret access key\r\n@I@,@S@\r\n",
    "rootkey.csv": "AWSAccessKeyId=@I@\nAWSSecretKey=@S@\n",
    "passwd-s3fs": "@I@:@S@\n",
    "json": '{"AccessKey":{"UserName":"ci","AccessKeyId":"@I@","Status":"Active","SecretAccessKey":"@S@"}}\n',
    "yaml": "access_key: @I@\nsecret_key: @S@\n",
    "short names": 'ak = "@I@"\nsk = "@S@"\n',
    "python call": 'boto3.client("s3", aws_access_key_id="@I@", aws_secret_access_key="@S@")\n',
    "python positional": 'S3Connection("@I@", "@S@")\n',
    "java": 'new BasicAWSCredentials("@I@", "@S@")\n',
    "java constants": 'static final String A = "@I@";\n// see the wiki\nstatic final String B = "@S@";\n',
    "c#": 'new AmazonS3Client("@I@", "@S@", RegionEndpoint.EUWest1);\n',
    "go": 'credentials.NewStaticCredentials("@I@", "@S@", "")\n',
    "js": "AWS.config.update({accessKeyId:'@I@',secretAccessKey:'@S@'});\n",
    "minified": "!function(e){var t={a:1};e.k={accessKeyId:'@I@',secretAccessKey:'@S@'},t.b=2}(window);\n",
    "php": "['key' => '@I@', 'secret' => '@S@']\n",
    "s3 url": "distcp s3n://@I@:@S@@bucket/path hdfs:///x\n",
    "redshift": "CREDENTIALS 'aws_access_key_id=@I@;aws_secret_access_key=@S@'\n",
    "hadoop": "<property><name>fs.s3a.access.key</name><value>@I@</value></property>\n"
    "<property><name>fs.s3a.secret.key</name><value>@S@</value></property>\n",
    "terraform state": (
        '"attributes": {\n"encrypted_secret": null,\n"id": "@I@",\n"secret": "@S@",\n"status": "Active"\n}\n'
    ),
    "k8s data": "kind: Secret\ndata:\n  AWS_ACCESS_KEY_ID: @B64I@\n  AWS_SECRET_ACCESS_KEY: @B64S@\n",
    "curl user": "curl -u @I@:@S@ https://b.s3.amazonaws.com\n",
    "python repr": "Credentials(access_key='@I@', secret_key='@S@', token=None)\n",
    "notebook": '"source": [\n "import boto3\\n",\n "KEY = \'@I@\'\\n",\n "SECRET = \'@S@\'\\n"\n]\n',
    "json in json": '{"body": "{\\"id\\":\\"@I@\\",\\"secret\\":\\"@S@\\"}"}\n',
    "escaped lines": '{"text": "credentials:\\n@I@\\n@S@\\nbye"}\n',
    "diff": "--- a/.env\n+++ b/.env\n@@ -1,2 +1,2 @@\n-AWS_ACCESS_KEY_ID=@I@\n+AWS_SECRET_ACCESS_KEY=@S@\n",
    "diff bare": "@@ -0,0 +1,2 @@\n+@I@\n+@S@\n",
    "two lines": "@I@\n@S@\n",
    "coloured log": "\x1b[32m@I@\x1b[0m \x1b[32m@S@\x1b[0m\n",
    "elasticsearch": "s3.client.default.access_key: @I@\ns3.client.default.secret_key: @S@\n",
    "client id and secret": "client_id: @I@\nclient_secret: @S@\n",
    "java literals": 'new BasicAWSCredentials("@I@",\n    "@S1@"\n        + "@S2@");\n',
    "java literals of the id": 'String id = "@I1@" + "@I2@";\nString secret = "@S@";\n',
    "js literals": "const id = '@I1@'+'@I2@', secret = '@S1@' + '@S2@';\n",
    "slash": "@I@/@S@\n",
    "plus": "@I@+@S@\n",
    "underscore": "@I@_@S@\n",
    "hyphen": "@I@-@S@\n",
    "org": "- aws access key :: =@I@=\n- aws secret key :: =@S@=\n",
    "only id after octal zero": "printf 'a\\0@I@'\n",
    "only id after octal =": "printf 'key\\075@I@'\n",
    "only id": "AWS_ACCESS_KEY_ID=@I@\n",
    "only id bare": "@I@",
    "only id in text": "The key (@I@) is the old one.\n",
    "only id in path": "/backup/@I@/2026\n",
    "only id joined": "user_@I@_prod\n",
    "only id in comment": "//@I@\n",
    "only id before dot": "Use @I@.\n",
    "only id in html": "<b>@I@</b>\n",
    "only id escaped tab": 'print("\\t@I@\\n")\n',
    "only id after =3D": "Content-Transfer-Encoding: quoted-printable\n\nkey=3D@I@\n",
    "only id percent": "q=a%3D@I@%26b\n",
    "only id unicode escape": '{"k":"\\u003D@I@\\u0026"}\n',
    "only id in lock file": (
        '{"lockfileVersion": 3, "packages": {"a": {"resolved": "https://x/?AWSAccessKeyId=@I@"}}}\n'
    ),
    "only id allowlisted": "key = '@I@'  # pragma: allowlist secret, gitleaks:allow, nosec, example\n",
    "presigned": (
        "https://b.s3.amazonaws.com/x?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=@I@%2F20260131%2Feu-west-1%2Fs3&X-Amz-Date=1\n"
    ),
    "presigned v2": "https://b.s3.amazonaws.com/x?AWSAccessKeyId=@I@&Expires=1700000000&Signature=abc%3D\n",
    "sigv4 header": (
        "Authorization: AWS4-HMAC-SHA256 Credential=@I@/20260131/eu-west-1/s3/aws4_request, SignedHeaders=host\n"
    ),
    "cloudtrail": '{"userIdentity":{"type":"IAMUser","accessKeyId":"@I@","userName":"ci"}}\n',
    "smtp": "SMTP_USER=@I@\nSMTP_HOST=email-smtp.eu-west-1.amazonaws.com\n",
    "xml attribute": '<aws accessKey="@I@" secretKey="@S@"/>\n',
    "svg": '<svg><!-- @I@ --><path d="M0 0L1 1"/></svg>\n',
    "latin-1 beside": "Schlüssel:é@I@é\n",
    "chinese beside": "密钥@I@ 勿传\n",
}
"""By the name of the shape."""
