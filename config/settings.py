"""The site's settings. Environment variables are read here and in `installation.py`; `docs/settings.md` lists them."""

import pghistory
from django.conf import global_settings

from config import installation
from config.api.schema import spectacular
from config.audit.log import logging_config
from config.back_office.navigation import UNFOLD as UNFOLD
from config.company_account.provider import company_accounts
from config.database.addresses import connection_settings
from config.environment import Environment, host_names, origin
from config.web import csp, paths

env = Environment()
BASE_DIR = installation.BASE_DIR
VAR_DIR = installation.var_dir()

# --- The installation -------------------------------------------------------------------------------------------
#: Detailed error pages; not for production.
DEBUG = env.bool("DEBUG", default=False)
DEFAULT_EXCEPTION_REPORTER_FILTER = "config.web.debug_pages.RedactingFilter"
SECRET_KEY = installation.secret_key()
#: Former secrets, which still verify and decrypt (comma list), for rotation of `SECRET_KEY`.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
#: Host names of this site (comma list).
ALLOWED_HOSTS = host_names("ALLOWED_HOSTS", installation.required("ALLOWED_HOSTS", lambda: "localhost,127.0.0.1,[::1]"))
#: TCP port and address of `manage.py serve`.
PORT = env.int("PORT", default=8000, maximum=65_535)
HOST = env.name("HOST", default="127.0.0.1")
#: Server processes; each serves one request at a time.
WORKERS = env.int("WORKERS", default=2, maximum=1_000)
#: TCP port and address of the metrics in Prometheus's format; port 0 for none.
METRICS_PORT = env.int("METRICS_PORT", default=0, minimum=0, maximum=65_535)
METRICS_HOST = env.name("METRICS_HOST", default="127.0.0.1")
#: Where OpenTelemetry sends traces; "" for nowhere. It reads further variables, `OTEL_*`, by itself.
OTEL_EXPORTER_OTLP_ENDPOINT = env.web_address("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
#: Addresses or networks of proxies that are believed about their clients (comma list).
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", default=[])
#: The header in which they name the client: `X-Forwarded-For`, or `Forwarded` (RFC 7239).
FORWARDED_HEADER = env.choice("FORWARDED_HEADER", ("X-Forwarded-For", "Forwarded"), default="X-Forwarded-For")
#: The path under which the site is served, such as `/warehouse`; empty for the root.
PATH_PREFIX = env.path_prefix("PATH_PREFIX", default="")
FORCE_SCRIPT_NAME = PATH_PREFIX or None
#: True if clients connect over TLS: secure cookies, redirect to https, HSTS. False only with the embedded database.
HTTPS = env.bool("HTTPS", default=not installation.is_embedded())
#: Level of the log lines on standard error.
LOG_LEVEL = env.log_level("LOG_LEVEL", default="INFO")
LOGGING = logging_config(LOG_LEVEL)
#: Retention of security events and ended sessions in days, after which `manage.py purge` deletes them.
AUDIT_DAYS = env.int("AUDIT_DAYS", default=400)
#: Retention of the history in days; 0 is for ever (`config.history.retention`).
HISTORY_DAYS = env.int("HISTORY_DAYS", default=0, minimum=0, maximum=36_500)

# --- Tokens (contract section 4) --------------------------------------------------------------------------------
#: Seconds for which services may cache the public keys; a new key is published that long before it signs.
KEY_PUBLISHED_SECONDS = env.int("KEY_PUBLISHED_SECONDS", default=300, minimum=0)
#: The `iss` claim: this site's public address, without a slash at the end.
ISSUER = origin(
    "ISSUER", installation.required("ISSUER", lambda: f"http://{f'[{HOST}]' if ':' in HOST else HOST}:{PORT}")
)
#: Client of a sign-in without `client_id`.
DEFAULT_CLIENT_ID = env.name("DEFAULT_CLIENT_ID", default="frontend")
#: Redirect URIs of that client, the Fulfillment App (comma list, compared exactly).
DEFAULT_CLIENT_REDIRECT_URIS = env.list("DEFAULT_CLIENT_REDIRECT_URIS", default=[])
#: Origins from which that client may call the API (CORS; comma list, such as `https://app.example.com`).
DEFAULT_CLIENT_ORIGINS = env.list("DEFAULT_CLIENT_ORIGINS", default=[])
#: Lifetime of an authorization code in seconds.
AUTHORIZATION_CODE_SECONDS = env.int("AUTHORIZATION_CODE_SECONDS", default=60)
#: Lifetimes in seconds: user access token 8 hours, warehouse token 7 days, refresh token 31 days.
ACCESS_TOKEN_SECONDS = env.int("ACCESS_TOKEN_SECONDS", default=28_800)
WAREHOUSE_TOKEN_SECONDS = env.int("WAREHOUSE_TOKEN_SECONDS", default=604_800)
REFRESH_TOKEN_SECONDS = env.int("REFRESH_TOKEN_SECONDS", default=2_678_400)
#: Seconds for which a replaced refresh token can be retried once.
REFRESH_GRACE_SECONDS = env.int("REFRESH_GRACE_SECONDS", default=10, minimum=0)
#: Accepted clock difference between servers in seconds: a token may be issued that far in the future.
CLOCK_SKEW_SECONDS = env.int("CLOCK_SKEW_SECONDS", default=5, minimum=0)

# --- Limits of a request ----------------------------------------------------------------------------------------
#: Largest request body in bytes; a larger one is refused with 413 before it is read.
MAX_BODY_BYTES = env.int("MAX_BODY_BYTES", default=1_048_576)
#: Default and greatest `page[limit]`.
PAGE_LIMIT = env.int("PAGE_LIMIT", default=1_000)
#: Most values in the comma list of one filter.
MAX_FILTER_VALUES = env.int("MAX_FILTER_VALUES", default=1_000)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
#: Uploaded files have a limit of their own, and are written to disk.
MAX_UPLOAD_BYTES = 5 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "config.spreadsheets.reading.limits.SizeLimit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
#: Seconds after which `manage.py migrate` stops waiting for locks, and `serve` and `restore` for another process that
#: prepares the database.
MIGRATION_WAIT_SECONDS = env.int("MIGRATION_WAIT_SECONDS", default=600)
#: PostgreSQL's timeouts in requests, in seconds (`config.database.timeouts`).
STATEMENT_TIMEOUT_SECONDS = env.timeout("STATEMENT_TIMEOUT_SECONDS", default=10)
LOCK_TIMEOUT_SECONDS = env.timeout("LOCK_TIMEOUT_SECONDS", default=1)
IDLE_TRANSACTION_TIMEOUT_SECONDS = env.timeout("IDLE_TRANSACTION_TIMEOUT_SECONDS", default=30)
#: The same for imports, exports and large undos; commands of `manage.py` have no limit.
JOB_TIMEOUT_SECONDS = env.timeout("JOB_TIMEOUT_SECONDS", default=1_800)
#: A pooler in transaction mode, for requests. Jobs and commands, which hold locks of a session, connect directly.
POOL_URL = installation.optional_database_url("POOL_URL")
#: Server-side prepared statements. pgbouncer has them since 1.21, so they are off by default with a pooler.
PREPARED_STATEMENTS = env.bool("PREPARED_STATEMENTS", default=not POOL_URL)
DATABASES = {"default": connection_settings(installation.database_url(), is_prepared=PREPARED_STATEMENTS)}
#: What `config.wsgi` uses instead (`config.database.timeouts`), or None.
POOL = connection_settings(POOL_URL, is_prepared=PREPARED_STATEMENTS, is_pooled=True) if POOL_URL else None
#: A read-only copy that lists, history, rosters and exports read unless it is behind (`config.database.replica`).
REPLICA_URL = installation.optional_database_url("DATABASE_REPLICA_URL")
REPLICA_MAX_LAG_SECONDS = env.int("REPLICA_MAX_LAG_SECONDS", default=10)
if REPLICA_URL:
    DATABASES["replica"] = connection_settings(REPLICA_URL, is_prepared=PREPARED_STATEMENTS)
    DATABASE_ROUTERS = ["config.database.replica.Router"]
#: Identity providers for staff by name, whether passwords open nothing more, and whose password still does.
OIDC_PROVIDERS, COMPANY_ACCOUNT_ONLY, BREAK_GLASS_EMAIL = company_accounts(env)
SCIM_ENABLED = env.bool("SCIM_ENABLED", default=False)  # a directory provisions people
SCIM_TOKEN_SECONDS = env.int("SCIM_TOKEN_SECONDS", default=900, maximum=86_400)
SCIM_TAKES_PASSWORDS = env.bool("SCIM_TAKES_PASSWORDS", default=False)
PGHISTORY_MIDDLEWARE_METHODS = ("POST", "PUT", "PATCH", "DELETE")  # others change no tracked row

INSTALLED_APPS = [
    "config",
    "config.spreadsheets",
    "warehouses",
    "users",
    "assignments",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "config.back_office.apps.BackOfficeConfig",
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
    *(["config.telemetry.middleware.MetricsMiddleware"] if METRICS_PORT else []),
    *(["config.telemetry.tracing.TracingMiddleware"] if OTEL_EXPORTER_OTLP_ENDPOINT else []),
    "config.web.request_context.RequestContextMiddleware",
    "config.web.call_stack.CallStackMiddleware",
    "config.web.middleware.ConnectionMiddleware",
    "config.web.headers.HeadersMiddleware",
    "config.web.csp.ContentSecurityPolicyMiddleware",
    "config.web.cors.CorsMiddleware",
    "config.web.request_bodies.RequestBodyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.web.middleware.StaticFilesMiddleware",
    "config.web.middleware.SessionMiddleware",
    "config.web.middleware.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "config.web.middleware.AuthenticationMiddleware",
    "config.history.tracking.HistoryMiddleware",
    "config.web.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.web.middleware.OTPMiddleware",
    *(["users.company_account.middleware.CompanyAccountMiddleware"] if OIDC_PROVIDERS else []),
    "config.web.middleware.LanguageMiddleware",
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
                "config.back_office.rights.menu_rights",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

#: The API's language; the Back Office uses its user's (`config.web.middleware`).
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
#: The Back Office's time zone; the database, the API and the logs use UTC.
TIME_ZONE = env.time_zone("TIME_ZONE", default="UTC")
FORMAT_MODULE_PATH = "config.formats"
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = global_settings.STORAGES | {"staticfiles": {"BACKEND": "config.web.static_files.SharedStaticFiles"}}
WHITENOISE_ALLOW_ALL_ORIGINS = False

# --- People -----------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "users.User"
#: Event tables have indexes of their own for foreign keys (`config.history.tracking`).
PGHISTORY_FOREIGN_KEY_FIELD = pghistory.ForeignKey(db_index=False)
#: E003, W004: a constraint makes the e-mail unique without regard to case. W019: contract 2.0 asks for SAMEORIGIN.
SILENCED_SYSTEM_CHECKS = ["auth.E003", "auth.W004", "security.W019"]
PASSWORD_HASHERS = ["users.sign_in.hashers.OwaspArgon2Hasher"]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
#: Failed sign-ins within the window that block an account for an IP address (contract 0.4, "Throttling").
SIGN_IN_FAILURES = 9
SIGN_IN_WINDOW_SECONDS = 900
SIGN_IN_BLOCK_SECONDS = 360
AXES_HANDLER = "users.sign_in.lockouts.failed_attempts.SlidingWindowHandler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "users.sign_in.lockouts.failed_attempts.account_of"
AXES_CLIENT_IP_CALLABLE = "config.web.request_context.client_address"
AXES_LOCKOUT_CALLABLE = "users.sign_in.lockouts.failed_attempts.answer"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = AXES_ENABLE_ADMIN = False
AXES_DISABLE_ACCESS_LOG = True  # sign-ins are in the audit log
#: True requires a second factor of every Back Office user: those without one must set it up first.
REQUIRE_TWO_FACTOR = env.bool("REQUIRE_TWO_FACTOR", default=False)
OTP_TOTP_ISSUER = "Warehouse Back Office"
LOGIN_URL = "admin:login"
#: Lifetime of a password reset link in seconds.
PASSWORD_RESET_TIMEOUT = 3_600
#: Lifetime of a temporary password in seconds: three days.
TEMPORARY_PASSWORD_SECONDS = env.int("TEMPORARY_PASSWORD_SECONDS", default=259_200)
#: Domain of the sign-in names of people without a mailbox. By default, one that never receives mail (RFC 2606).
SIGN_IN_DOMAIN = env.domain("SIGN_IN_DOMAIN", default="staff.invalid")
#: Address of the app, to which `/account/` links; "" for none.
APP_URL = env.web_address("APP_URL", default=DEFAULT_CLIENT_ORIGINS[0] if DEFAULT_CLIENT_ORIGINS else "")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "users.sign_in.password_rules.LeastLength", "OPTIONS": {"min_length": 12}},
    {"NAME": "users.sign_in.password_rules.LengthLimit"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]

# --- E-mail -----------------------------------------------------------------------------------------------------
#: `smtp+tls://user:password@host:587` or `smtp+ssl://…`. By default, e-mail is printed with the embedded database, and
#: not sent elsewhere: password reset links must not be in logs.
_email = env.mail_server("EMAIL_URL", default="consolemail://" if installation.is_embedded() else "dummymail://")
vars().update(_email)
EMAIL_TIMEOUT = 10
#: Maximum of the random delay before a password reset e-mail, in seconds (`users.sign_in.passwords`).
EMAIL_DELAY_SECONDS = 2
SENDS_EMAIL = not _email["EMAIL_BACKEND"].endswith(".dummy.EmailBackend")
DEFAULT_FROM_EMAIL = env.email_address("EMAIL_FROM", default="back-office@localhost")

# --- The API ----------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["users.oauth.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["users.oauth.permissions.HasRight"],
    "DEFAULT_RENDERER_CLASSES": ["config.api.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.api.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.api.renderers.OneFormat",
    "DEFAULT_SCHEMA_CLASS": "config.api.schema.components.Schema",
    "EXCEPTION_HANDLER": "config.api.errors.handle",
}
JSON_API_FORMAT_FIELD_NAMES = "camelize"
SPECTACULAR_SETTINGS = spectacular.SPECTACULAR_SETTINGS | ({"SERVERS": [{"url": PATH_PREFIX}]} if PATH_PREFIX else {})

# --- Security ---------------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [paths.PROBES]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
SESSION_ENGINE = "config.web.back_office_sessions"
#: Lifetime of a Back Office session in seconds, without extension (OWASP ASVS 3.3.2).
SESSION_COOKIE_AGE = 43_200
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
#: Another site of the same domain cannot set a cookie with the prefix `__Host-` (RFC 6265bis section 4.1.3.2), which
#: the browser sends to every path. Under a path prefix, the other applications of the host must not get it.
_COOKIE_PREFIX = ("__Secure-" if PATH_PREFIX else "__Host-") if HTTPS else ""
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = PATH_PREFIX or "/"
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}sessionid", f"{_COOKIE_PREFIX}csrftoken"
#: The device cookie (`users.sign_in.lockouts`), and its lifetime after the last sign-in in seconds (half a year).
DEVICE_COOKIE_NAME = f"{_COOKIE_PREFIX}device"
DEVICE_COOKIE_AGE = 15_552_000
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "config.back_office.error_pages.csrf_failure"
X_FRAME_OPTIONS = "SAMEORIGIN"
CONTENT_SECURITY_POLICY = {"DIRECTIVES": csp.DIRECTIVES}
#: CORS for the origins of clients, on every path, so that scripts can read 404 and 405 too (`config.web.cors`).
CORS_ALLOW_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST")
CORS_ALLOW_HEADERS = (
    *("accept", "content-type", "content-language", "accept-language", "authorization"),
    *("traceparent", "tracestate", "baggage", "sentry-trace", "x-request-id"),  # tracing (contract 0.5)
    *("idempotency-key", "if-match", "prefer"),
)
CORS_EXPOSE_HEADERS = ("Location", "Retry-After")
