"""Files without a credential that look as if there were one."""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable
from random import Random

from tests.handlers.codecommit_leak_guard.corpus.material import (
    BASE64_LETTERS,
    ID_LETTERS,
    LONG_TERM,
    TEMPORARY,
    alphanumeric,
    base64_of_noise,
    hexadecimal,
    key_id,
)

DOCUMENTED_SECRETS = (
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    "je7MtGbClwBF/2Zp9Utk/h3yCo8nvb" + "EXAMPLEKEY",
    "wJalrXUtnFEMI/K7MDENG+bPxRfiCY" + "EXAMPLEKEY",
)
MADE_UP_IDS = (
    "IOSFODNN7EXAMPLE",
    "I44QH8DHBEXAMPLE",
    "111111111EXAMPLE",
    "XXXXXXXXXXXXXXXX",
    "ABCDEFGHIJKLMNOP",
    "1234567890ABCDEF",
    "0000000000000000",
    "234567ABCDEFGHIJ",
    "FAKEFAKEFAKEFAKE",
    "TESTTESTTESTTEST",
    "EXAMPLEEXAMPLEEX",
    "AAAAAAAAAAAAAAAA",
    "QWERTYUIOPASDFGH",
    "YOURACCESSKEYIDX",
    "ZYXWVUTSRQPONMLK",
    "A2B3C4D5E6F7G2H3",
    "AABBCCDDEEFFGGHH",
)
PLACEHOLDERS = (
    "YOUR_SECRET_ACCESS_KEY",
    "<your-secret-access-key>",
    "${AWS_SECRET_ACCESS_KEY}",
    "{{ vault_aws_secret_access_key }}",
    "$(aws configure get aws_secret_access_key)",
    "x" * 40,
    "X" * 40,
    "*" * 40,
    "0" * 40,
    "YourSecretAccessKeyGoesHereReplaceItNow1",
    "ThisIsNotARealSecretAccessKeyJustAnExamp",
    "abcdefghijklmnopqrstuvwxyz0123456789ABCD",
    "1234567890abcdefghijABCDEFGHIJ1234567890",
    "0123456789012345678901234567890123456789",
    "REPLACEMEREPLACEMEREPLACEMEREPLACEMEREPL",
    "!Ref SecretAccessKey",
    "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/aws-AbCdEf",
)

SECRETS_OF_OTHERS = (
    "SPOTIFY_SECRET=@\nAWS_SECRET_ACCESS_KEY=\n",
    "FB_SECRET=@\nAWS_SECRET_ACCESS_KEY=\n",
    "MY_API_SECRET=@\nAWS_SECRET_ACCESS_KEY=\n",
    "DEPLOY_SECRET=@\nAWS_SECRET_ACCESS_KEY=\n",
    "AWS_SECRET_ACCESS_KEY=\nMAIL_PASSWORD=@\n",
    "AWS_ACCESS_KEY_ID=${X}\nAWS_SECRET_ACCESS_KEY=${Y}\nDEPLOY_SECRET=@\n",
    "environment:\n  AWS_SECRET_ACCESS_KEY: ''\n  DEPLOY_SECRET: @\n",
    'AWS_STORAGE_BUCKET_NAME = "x"\nSECRET_KEY = "@"\n',
    "grafana_secret_key=@\naws_region=x\n",
    "SECRET=@\nAWS_REGION=eu-west-1\n",
    "aws_rds_password: @\n",
    "AWS_WEBHOOK_SIGNING_SECRET=@\n",
    "aws_cognito_client_secret: @\n",
    'credentialSecret: "@" // aws\n',
    "aws kms ciphertext: @\n",
    "aws content-md5 @\n",
    '"aws:cdk:path": "@"\n',
    "aws stack asset @\n",
    "aws_cloudfront_key_group: @\n",
    "arn:aws:secretsmanager:eu-west-1:111122223333:secret:@\n",
    "<HostId>@</HostId><!-- amazon -->\n",
)
"""Templates: ``@`` is where the characters are."""
NAMES_OF_THINGS = ("PACIFICREGIONONE", "PACIFICNORTHEAST", "MINORGREEKCOLONY", "CONTINENTREGIONS")


def _documentation(random: Random) -> str:
    tail, secret = random.choice(MADE_UP_IDS), random.choice(DOCUMENTED_SECRETS)
    return f"[default]\naws_access_key_id = {LONG_TERM}{tail}\naws_secret_access_key = {secret}\n"


def _made_up_id(random: Random) -> str:
    return f'access_key: "{random.choice((LONG_TERM, TEMPORARY))}{random.choice(MADE_UP_IDS)}"\n'


def _placeholder(random: Random) -> str:
    name = random.choice(["aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "secretAccessKey", "secret_key"])
    return f'{name} = "{random.choice(PLACEHOLDERS)}"\n'


def _other_ids(random: Random) -> str:
    kinds = ["AIDA", "AROA", "AGPA", "AIPA", "ANPA", "ASCA", "APKA", "ABIA", "ACCA"]
    return "".join(f'"PrincipalId": "{key_id(random, kind)}",\n' for kind in kinds)


def _wrong_length(random: Random) -> str:
    return f"{key_id(random)}7Q\n{key_id(random)[:-1]}\nX{key_id(random)}\n{key_id(random).lower()}\n"


def _shas(random: Random) -> str:
    return "".join(f"aws secret rotated in commit {hexadecimal(random, 40)}\n" for _ in range(5))


def _named_hash(random: Random) -> str:
    return f'"aws_secret_key_sha1": "{hexadecimal(random, 40)}"\n"secret_key": "{hexadecimal(random, 40).upper()}"\n'


def _npm_lock(random: Random) -> str:
    packages = {
        f"node_modules/@aws-sdk/{alphanumeric(random, 6).lower()}": {
            "version": "3.1.2",
            "resolved": "https://registry.example.com/@aws-sdk/client/-/client-3.1.2.tgz",
            "integrity": f"sha512-{base64_of_noise(random, 64)}",
        }
        for _ in range(30)
    }
    return json.dumps({"lockfileVersion": 3, "packages": packages}, indent=2)


def _yarn_lock(random: Random) -> str:
    return "".join(
        f'"@aws-sdk/x@^3":\n  resolved "https://registry.example.com/x.tgz#{hexadecimal(random, 40)}"\n'
        f"  integrity sha1-{base64_of_noise(random, 20)}\n"
        for _ in range(20)
    )


def _go_sum(random: Random) -> str:
    return "".join(f"github.com/aws/aws-sdk-go v1.{n}.0 h1:{base64_of_noise(random, 32)}\n" for n in range(20))


def _record(random: Random) -> str:
    return "".join(
        f"boto3/s3/{n}.py,sha256={base64.urlsafe_b64encode(random.randbytes(32)).decode()},1\n" for n in range(20)
    )


def _certificate(random: Random) -> str:
    text = base64_of_noise(random, 48 * random.randint(8, 20) + 30)
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"# Amazon RDS CA, secret key of aws\n-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def _ssh_key(random: Random) -> str:
    return f"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ{base64_of_noise(random, 250)} aws@host\n"


def _image(random: Random) -> str:
    return f'<img alt="aws secret" src="data:image/png;base64,iVBORw0KGgo{base64_of_noise(random, 3000)}">\n'


def _wrapped_image(random: Random) -> str:
    text = base64_of_noise(random, 57 * 40 + 30)
    return "Content: aws secret key\n\n" + "\n".join(text[at : at + 76] for at in range(0, len(text), 76)) + "\n"


def _font(random: Random) -> str:
    return f"@font-face{{src:url(data:font/woff2;base64,d09GMgABAAAA{base64_of_noise(random, 5000)})}}\n"


def _jwt(random: Random) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(json.dumps({"sub": alphanumeric(random, 20)}).encode()).decode().rstrip("=")
    return f'AWS_SESSION_TOKEN_URL=1\ntoken = "{header}.{body}.{alphanumeric(random, 43)}"\n'


def _uuids(random: Random) -> str:
    parts = [hexadecimal(random, n) for n in (8, 4, 4, 4, 12)]
    return f"aws_kms_secret_key_id = {'-'.join(parts)}\n"


def _protein(random: Random) -> str:
    lines = "\n".join("".join(random.choices("ACDEFGHIKLMNPQRSTVWY", k=60)) for _ in range(30))
    return f">sp|P12345|AWS_SECRET\n{lines}\n"


def _dna(random: Random) -> str:
    return ">aws secret key\n" + "\n".join("".join(random.choices("ACGT", k=40)) for _ in range(30)) + "\n"


def _svg_path(random: Random) -> str:
    path = "".join(f"{random.choice('MLCQ')}{random.randint(0, 99)}.{random.randint(0, 99)} " for _ in range(200))
    return f'<svg id="aws-secret"><path d="{path}"/></svg>\n'


def _class_names(random: Random) -> str:
    return (
        "import com.amazonaws.secretsmanager.caching.SecretCacheConfiguration2Test;\n"
        'String key = "AWSSecretsManagerCachingClientBuilderV2T";\n'
        "aws/secret/key/GetSecretValueRequestMarshaller2\n"
        'secret_name = "DescribeEffectivePatchesForPatchBaseline"\n'
        'aws_secret = "com/amazonaws/services/s3/model/S3Object"\n'
        f'"LogicalId": "SecretKeyRotationFailedEventsPoli{hexadecimal(random, 7).upper()}"\n'
    )


def _urls(random: Random) -> str:
    return (
        "See https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html for secret keys\n"
        f"https://x.s3.amazonaws.com/{alphanumeric(random, 40)}/secret.png\n"
        f"aws s3 cp s3://bucket/{alphanumeric(random, 12)}/{alphanumeric(random, 40)}.tar.gz .\n"
    )


def _vendor_tokens(random: Random) -> str:
    return (
        f"AWS_REGION=eu-west-1\nGITHUB_TOKEN=ghp_{alphanumeric(random, 36)}\nHEROKU_API_KEY={hexadecimal(random, 40)}\n"
        f"STRIPE_SECRET_KEY=sk_live_{alphanumeric(random, 24)}\nCLOUDFLARE_API_TOKEN={alphanumeric(random, 40)}\n"
        f"NPM_TOKEN=npm_{alphanumeric(random, 36)}\nSENTRY_AUTH_TOKEN={hexadecimal(random, 64)}\n"
        f"SONAR_TOKEN={hexadecimal(random, 40)}\nDD_APP_KEY={hexadecimal(random, 40)}\n"
    )


def _other_secrets(random: Random) -> str:
    name = random.choice(
        [
            "client_secret",
            "STRIPE_SECRET_KEY",
            "session_secret",
            "JWT_SECRET_KEY",
            "recaptcha_secret_key",
            "webhook_secret",
        ]
    )
    return f'{name} = "{alphanumeric(random, 40)}"\n'


def _secrets_of_others(random: Random) -> str:
    return random.choice(SECRETS_OF_OTHERS).replace("@", alphanumeric(random, 40))


def _names_of_things(random: Random) -> str:
    return f"const {TEMPORARY}{random.choice(NAMES_OF_THINGS)} = 1;\n"


def _id_in_base64(random: Random) -> str:
    text = base64_of_noise(random, 90)
    return f"{text[:60]}x{key_id(random)}b{text[60:]}\n"


def _api_gateway_key(random: Random) -> str:
    command = f'aws apigateway get-usage-plan-key --key-id "{alphanumeric(random, 40)}"'
    return f"{command}\nx-api-key: {alphanumeric(random, 40)}\n"


def _password(random: Random) -> str:
    return f"DB_HOST=db\nDB_PASSWORD={''.join(random.choices(BASE64_LETTERS, k=40))}\n"


def _base64_of_text(random: Random) -> str:
    words = " ".join(random.choices(["hello", "config", "replicas", "image", "true", "port", "name"], k=60))
    return f"data:\n  config: {base64.b64encode(words.encode()).decode()}\n"


def _base64_of_example(random: Random) -> str:
    secret = random.choice(DOCUMENTED_SECRETS)
    text = f"[default]\naws_access_key_id={LONG_TERM}IOSFODNN7EXAMPLE\naws_secret_access_key={secret}\n"
    return f"credentials: {base64.b64encode(text.encode()).decode()}\n"


def _minified(random: Random) -> str:
    parts = (f"function {alphanumeric(random, 2)}(e,t){{return e.{alphanumeric(random, 5)}+t}}" for _ in range(200))
    return "!function(){" + ";".join(parts) + '}();//# aws secretAccessKey:e.secretAccessKey||""\n'


def _code(random: Random) -> str:
    return (
        "def credentials(event):\n"
        '    """Return aws_secret_access_key of the secret."""\n'
        '    return boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["AWS_SECRET_ACCESS_KEY_ARN"])\n'
        f"    # {alphanumeric(random, 12)}\n"
    )


def _id_in_image(random: Random) -> str:
    image = base64_of_noise(random, 600)
    return f"data:image/png;base64,{image[:301]}a{key_id(random)}b{image[301:]}\n"


def _signature(random: Random) -> str:
    return (
        f"Authorization: AWS4-HMAC-SHA256 Signature={hexadecimal(random, 64)}\n"
        f"x-amz-id-2: {base64_of_noise(random, 56)}\nETag: {hexadecimal(random, 32)}\n"
        f'"CodeSha256": "{base64_of_noise(random, 32)}"\n'
    )


def _words_in_capitals(random: Random) -> str:
    return (
        "".join(f"{LONG_TERM}_{''.join(random.choices(ID_LETTERS, k=12))}\n" for _ in range(5)) + "SLOVAKIA ASIATIC\n"
    )


def _random_text(random: Random) -> str:
    return "".join(random.choices(string.printable, k=5000))


NEGATIVES: dict[str, Callable[[Random], str]] = {
    function.__name__.strip("_"): function
    for function in (
        *(
            _documentation,
            _made_up_id,
            _placeholder,
            _other_ids,
            _wrong_length,
            _shas,
            _named_hash,
            _npm_lock,
            _yarn_lock,
        ),
        *(
            _go_sum,
            _record,
            _certificate,
            _ssh_key,
            _image,
            _wrapped_image,
            _font,
            _jwt,
            _uuids,
            _protein,
            _dna,
            _svg_path,
        ),
        *(_class_names, _urls, _vendor_tokens, _other_secrets, _api_gateway_key, _password, _base64_of_text, _minified),
        *(_secrets_of_others, _names_of_things, _id_in_base64),
        *(_base64_of_example, _code, _id_in_image, _signature, _words_in_capitals, _random_text),
    )
}
"""By the name of the shape."""
