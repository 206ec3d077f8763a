/* The one table from CURLcode to err.kind, and the errors of transfers. Kinds of
   our own making (too_large, redirect, status, ...) are given by the Lua layer
   through core.error. */
#include "error.h"

#include <string.h>
#include <strings.h>

#include "easy.h"
#include "gathered.h"
#include "quirks.h"

/* Newer than the oldest header of libcurl: by number. */
#define TOO_LARGE 100

typedef struct CodeRow {
  int code;
  const char *name;
  const char *kind;
  bool retryable;        /* trying again, unchanged, may succeed */
} CodeRow;

#define ROW(name, kind, retryable) { CURLE_##name, "CURLE_" #name, \
                                     kind, retryable }

static const CodeRow rows[] = {
  ROW(UNSUPPORTED_PROTOCOL, "policy", false),
  ROW(FAILED_INIT, "curl", false),
  ROW(URL_MALFORMAT, "url", false),
  ROW(NOT_BUILT_IN, "curl", false),
  ROW(COULDNT_RESOLVE_PROXY, "proxy", true),
  ROW(COULDNT_RESOLVE_HOST, "resolve", true),
  ROW(COULDNT_CONNECT, "connect", true),
  ROW(WEIRD_SERVER_REPLY, "protocol", false),
  ROW(REMOTE_ACCESS_DENIED, "curl", false),
  ROW(FTP_ACCEPT_FAILED, "connect", true),
  ROW(FTP_WEIRD_PASS_REPLY, "protocol", false),
  ROW(FTP_ACCEPT_TIMEOUT, "timeout", true),
  ROW(FTP_WEIRD_PASV_REPLY, "protocol", false),
  ROW(FTP_WEIRD_227_FORMAT, "protocol", false),
  ROW(FTP_CANT_GET_HOST, "resolve", true),
  ROW(HTTP2, "protocol", true),
  ROW(FTP_COULDNT_SET_TYPE, "curl", false),
  ROW(PARTIAL_FILE, "closed", true),
  ROW(FTP_COULDNT_RETR_FILE, "curl", false),
  ROW(QUOTE_ERROR, "curl", false),
  ROW(HTTP_RETURNED_ERROR, "status", false),
  ROW(WRITE_ERROR, "curl", false),
  ROW(UPLOAD_FAILED, "curl", false),
  ROW(READ_ERROR, "io", false),
  ROW(OUT_OF_MEMORY, "curl", false),
  ROW(OPERATION_TIMEDOUT, "timeout", true),
  ROW(FTP_PORT_FAILED, "curl", false),
  ROW(FTP_COULDNT_USE_REST, "curl", false),
  ROW(RANGE_ERROR, "protocol", false),
  ROW(HTTP_POST_ERROR, "curl", false),
  ROW(SSL_CONNECT_ERROR, "tls", false),
  ROW(BAD_DOWNLOAD_RESUME, "io", false),
  ROW(FILE_COULDNT_READ_FILE, "io", false),
  ROW(LDAP_CANNOT_BIND, "curl", false),
  ROW(LDAP_SEARCH_FAILED, "curl", false),
  ROW(FUNCTION_NOT_FOUND, "curl", false),
  ROW(ABORTED_BY_CALLBACK, "cancelled", false),
  ROW(BAD_FUNCTION_ARGUMENT, "curl", false),
  ROW(INTERFACE_FAILED, "connect", false),
  ROW(TOO_MANY_REDIRECTS, "redirect", false),
  ROW(UNKNOWN_OPTION, "curl", false),
  ROW(SETOPT_OPTION_SYNTAX, "curl", false),
  ROW(GOT_NOTHING, "closed", true),
  ROW(SSL_ENGINE_NOTFOUND, "tls", false),
  ROW(SSL_ENGINE_SETFAILED, "tls", false),
  ROW(SEND_ERROR, "closed", true),
  ROW(RECV_ERROR, "closed", true),
  ROW(SSL_CERTPROBLEM, "tls", false),
  ROW(SSL_CIPHER, "tls", false),
  ROW(PEER_FAILED_VERIFICATION, "tls", false),
  ROW(BAD_CONTENT_ENCODING, "protocol", false),
  ROW(FILESIZE_EXCEEDED, "too_large", false),
  ROW(USE_SSL_FAILED, "tls", false),
  ROW(SEND_FAIL_REWIND, "io", false),
  ROW(SSL_ENGINE_INITFAILED, "tls", false),
  ROW(LOGIN_DENIED, "curl", false),
  ROW(TFTP_NOTFOUND, "curl", false),
  ROW(TFTP_PERM, "curl", false),
  ROW(REMOTE_DISK_FULL, "curl", false),
  ROW(TFTP_ILLEGAL, "curl", false),
  ROW(TFTP_UNKNOWNID, "curl", false),
  ROW(REMOTE_FILE_EXISTS, "curl", false),
  ROW(TFTP_NOSUCHUSER, "curl", false),
  ROW(SSL_CACERT_BADFILE, "tls", false),
  ROW(REMOTE_FILE_NOT_FOUND, "curl", false),
  ROW(SSH, "curl", false),
  ROW(SSL_SHUTDOWN_FAILED, "tls", false),
  ROW(AGAIN, "curl", true),
  ROW(SSL_CRL_BADFILE, "tls", false),
  ROW(SSL_ISSUER_ERROR, "tls", false),
  ROW(FTP_PRET_FAILED, "curl", false),
  ROW(RTSP_CSEQ_ERROR, "protocol", false),
  ROW(RTSP_SESSION_ERROR, "protocol", false),
  ROW(FTP_BAD_FILE_LIST, "protocol", false),
  ROW(CHUNK_FAILED, "curl", false),
  ROW(NO_CONNECTION_AVAILABLE, "connect", true),
  ROW(SSL_PINNEDPUBKEYNOTMATCH, "tls", false),
  ROW(SSL_INVALIDCERTSTATUS, "tls", false),
  ROW(HTTP2_STREAM, "closed", true),
  ROW(RECURSIVE_API_CALL, "curl", false),
  ROW(AUTH_ERROR, "curl", false),
  ROW(HTTP3, "protocol", true),
  ROW(QUIC_CONNECT_ERROR, "connect", true),
  ROW(PROXY, "proxy", true),
  ROW(SSL_CLIENTCERT, "tls", false),
  /* Newer than the oldest header: by number. */
  { 99, "CURLE_UNRECOVERABLE_POLL", "curl", false },
  { TOO_LARGE, "CURLE_TOO_LARGE", "too_large", false },
  { 101, "CURLE_ECH_REQUIRED", "tls", false },
};

static const char *const phase_names[] = {
  "queue", "resolve", "connect", "tls", "send", "wait", "receive"
};

static const CodeRow *row_find(CURLcode code)
{
  size_t i;
  for (i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].code == (int)code)
      return &rows[i];
  return NULL;
}

static void set_string(lua_State *L, const char *field, const char *value)
{
  lua_pushstring(L, value);
  lua_setfield(L, -2, field);
}

static curl_off_t info_time(CURL *handle, CURLINFO info)
{
  curl_off_t us = 0;
  (void)curl_easy_getinfo(handle, info, &us);   /* stays 0 when unknown */
  return us;
}

/* libcurl marks the time of a connect only when TLS is done too, or has failed
   for another reason than time. In 7.88 the local end of the socket is known
   as soon as TCP stands; later versions tell nothing, so it takes a driver that
   sees what the socket waits for. */
static bool is_connected(Easy *easy)
{
  long port = 0;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_LOCAL_PORT, &port);
  return port > 0 || easy->connected ||
         info_time(easy->handle, CURLINFO_CONNECT_TIME_T) > 0;
}

static long connect_status(Easy *easy)
{
  long status = 0;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_HTTP_CONNECTCODE, &status);
  return status;
}

/* Whether the connection to the proxy stands, and that to the server does not. */
static bool asks_proxy(Easy *easy)
{
  const char *scheme = NULL;
  if (easy->receiver == NULL || !easy->receiver->tunnels)
    return false;
  /* Behind its status line headers may come. */
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SCHEME, &scheme);
  return connect_status(easy) / 100 != 2 ||
         (scheme != NULL && strcasecmp(scheme, "http") == 0);
}

static bool is_sending(Easy *easy)
{
  curl_off_t length = -1, sent = 0;
  if (easy->receiver->sending)
    return !easy->receiver->sent;
  if (!easy->receiver->uploads)
    return false;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_CONTENT_LENGTH_UPLOAD_T,
                          &length);
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SIZE_UPLOAD_T, &sent);
  return sent < length;
}

/* How far the transfer came, from libcurl's marks and the receiver's. */
static Phase easy_phase(Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  if (receiver != NULL && receiver->stage != STAGE_START)
    return PHASE_RECEIVE;
  if (receiver != NULL && receiver->connected)
    return is_sending(easy) ? PHASE_SEND : PHASE_WAIT;
  /* libcurl counts "100 Continue" as a start. */
  if (info_time(easy->handle, CURLINFO_STARTTRANSFER_TIME_T) > 0)
    return PHASE_RECEIVE;
  if (info_time(easy->handle, CURLINFO_PRETRANSFER_TIME_T) > 0)
    return PHASE_WAIT;
  if (is_connected(easy))
    return asks_proxy(easy) ? PHASE_CONNECT : PHASE_TLS;
  if (info_time(easy->handle, CURLINFO_NAMELOOKUP_TIME_T) > 0)
    return PHASE_CONNECT;
  return PHASE_RESOLVE;
}

const char *error_phase(Easy *easy)
{
  return phase_names[easy_phase(easy)];
}

/* ---- Where the code alone misleads: libcurl uses one code for what a user
   must tell apart. The first row that applies decides. ---- */

/* Not every answer: a redirect to a protocol that is not allowed has the same
   code, and comes after an answer too. */
static bool no_http(Easy *easy, Phase phase)
{
  long status = 0;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_RESPONSE_CODE, &status);
  /* The request was sent, and no status came. The message may be that of what
     happened last, a reset. */
  if (phase >= PHASE_SEND && status < 200)
    return true;
  return strstr(easy->message, "HTTP/0.9") != NULL ||
         strstr(easy->message, " in response") != NULL ||
         strstr(easy->message, " in HTTP response") != NULL;
}

/* What a server has done wrong is told in the message; nothing is told when it
   has only closed the session. */
static bool no_details(Easy *easy, Phase phase)
{
  (void)phase;
  return easy->message[0] == '\0';
}

/* Has the code of what nghttp2 was doing. */
static bool lost(Easy *easy, Phase phase)
{
  (void)phase;
  return strncmp(easy->message, "Send failure", 12) == 0 ||
         strncmp(easy->message, "Recv failure", 12) == 0;
}

/* See repeat.c. */
static bool died_unasked(Easy *easy, Phase phase)
{
  (void)phase;
  return easy->receiver != NULL && easy->receiver->died;
}

/* See upload.c. */
static bool body_is_gone(Easy *easy, Phase phase)
{
  (void)phase;
  return easy->receiver != NULL && easy->receiver->body_gone;
}

static bool answered_twice(Easy *easy, Phase phase)
{
  (void)phase;
  return easy->receiver != NULL && easy->receiver->restarted;
}

static bool in_tls(Easy *easy, Phase phase)
{
  (void)easy;
  return phase == PHASE_TLS;
}

static bool proxy_refused(Easy *easy, Phase phase)
{
  (void)phase;
  return connect_status(easy) >= 300;
}

/* It closed, or what it said is no HTTP. Of a proxy that the environment names
   only libcurl's message tells. */
static bool proxy_failed(Easy *easy, Phase phase)
{
  return (phase == PHASE_CONNECT && asks_proxy(easy)) ||
         (phase == PHASE_TLS && strstr(easy->message, "CONNECT") != NULL);
}

static bool by_proxy(Easy *easy, Phase phase)
{
  long reason = 0;
  (void)phase;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_PROXY_ERROR, &reason);
  /* libcurl keeps the reason of an earlier transfer: a handle of a pool knows
     by itself. */
  if (easy->receiver != NULL)
    return easy->receiver->proxied;
  return reason != 0;
}

/* libcurl before 8.0 has no code of its own for an invalid chunk. */
static bool in_chunk(Easy *easy, Phase phase)
{
  (void)phase;
  return strstr(easy->message, "hunk") != NULL;
}

static bool is_invalid(Easy *easy, Phase phase)
{
  (void)phase;
  return easy->guard.refused ||
         (easy->receiver != NULL && easy->receiver->invalid != NULL);
}

/* libcurl says so of a header line that it cannot take apart. */
static bool in_head(Easy *easy, Phase phase)
{
  (void)easy;
  return phase == PHASE_RECEIVE;
}

static bool is_long_line(const Easy *easy)
{
  return quirk_long_line_is_memory() && easy->receiver != NULL &&
         easy->receiver->connected && easy->receiver->stage < STAGE_BODY;
}

static bool long_line(Easy *easy, Phase phase)
{
  (void)phase;
  return is_long_line(easy);
}

/* The code of these is that of any failure to receive. */
static bool is_long_head(const Easy *easy)
{
  return strstr(easy->message, "Too large response headers") != NULL ||
         strstr(easy->message, "Out of memory in chunked") != NULL;
}

static bool long_head(Easy *easy, Phase phase)
{
  (void)phase;
  return is_long_head(easy);
}

/* libcurl's own words would be "Out of memory", or tell of some "data field". */
static bool is_long(Easy *easy, CURLcode code)
{
  switch ((int)code) {
  case CURLE_RECV_ERROR: return is_long_head(easy);
  case CURLE_OUT_OF_MEMORY: return is_long_line(easy);
  case TOO_LARGE: return easy_phase(easy) == PHASE_RECEIVE;
  default: return false;
  }
}

static bool over_cap(Easy *easy, Phase phase)
{
  (void)phase;
  return easy->receiver != NULL && easy->receiver->excess != NULL;
}

#define NO_FILE "too many files are open"

static bool no_file(Easy *easy, Phase phase)
{
  (void)phase;
  return easy->lacking != 0;
}

static const struct Refinement {
  int code;
  const char *name, *when;
  bool (*applies)(Easy *easy, Phase phase);
  const char *kind;
} refinements[] = {
#define WHEN(name, when, applies, kind) { CURLE_##name, "CURLE_" #name, \
                                          when, applies, kind }
  WHEN(COULDNT_CONNECT, NO_FILE, no_file, "io"),
  WHEN(COULDNT_RESOLVE_HOST, NO_FILE, no_file, "io"),
  WHEN(COULDNT_RESOLVE_PROXY, NO_FILE, no_file, "io"),
  WHEN(SSL_CACERT_BADFILE, NO_FILE, no_file, "io"),
  WHEN(FILE_COULDNT_READ_FILE, NO_FILE, no_file, "io"),
  WHEN(UNSUPPORTED_PROTOCOL, "the answer is no HTTP", no_http, "protocol"),
  WHEN(OUT_OF_MEMORY, "a header line is longer than libcurl takes", long_line,
       "too_large"),
  WHEN(RECV_ERROR, "headers or trailers are larger than libcurl takes",
       long_head, "too_large"),
  WHEN(RECV_ERROR, "the proxy refused CONNECT", proxy_refused, "proxy"),
  WHEN(RECV_ERROR, "the proxy did not answer CONNECT with HTTP", proxy_failed,
       "proxy"),
  WHEN(SEND_ERROR, "the proxy closed before it answered CONNECT", proxy_failed,
       "proxy"),
  WHEN(RECV_ERROR, "the phase is tls", in_tls, "tls"),
  WHEN(RECV_ERROR, "a chunk is invalid", in_chunk, "protocol"),
  WHEN(COULDNT_CONNECT, "the connection was one to a proxy", by_proxy,
       "proxy"),
  WHEN(HTTP2, "the server ended the session (GOAWAY)", no_details, "closed"),
  WHEN(HTTP2, "the connection was lost", lost, "closed"),
  WHEN(ABORTED_BY_CALLBACK, "the server broke off its answer", answered_twice,
       "closed"),
  WHEN(WRITE_ERROR, "the answer is no valid HTTP", is_invalid, "protocol"),
  WHEN(UPLOAD_FAILED, "a body without length, and the server speaks HTTP/1.0",
       is_invalid, "protocol"),
  WHEN(BAD_FUNCTION_ARGUMENT, "a header line is not valid", in_head,
       "protocol"),
  WHEN(ABORTED_BY_CALLBACK, "a kept connection died, and the request may not "
       "be sent again", died_unasked, "closed"),
  WHEN(ABORTED_BY_CALLBACK, "the request had to be sent again, and its body "
       "cannot be", body_is_gone, "closed"),
  WHEN(SEND_FAIL_REWIND, "the request had to be sent again, and its body "
       "cannot be", body_is_gone, "closed"),
  WHEN(WRITE_ERROR, "the server broke off its answer", answered_twice,
       "closed"),
  WHEN(SEND_FAIL_REWIND, "the server broke off its answer", answered_twice,
       "closed"),
  WHEN(WRITE_ERROR, "max_body or max_headers was passed", over_cap,
       "too_large"),
#undef WHEN
};

#define REFINEMENTS (sizeof refinements / sizeof *refinements)

static const char *refine_kind(Easy *easy, const CodeRow *row, Phase phase)
{
  size_t i;
  for (i = 0; i < REFINEMENTS; i++)
    if (refinements[i].code == row->code &&
        refinements[i].applies(easy, phase))
      return refinements[i].kind;
  return row->kind;
}

/*** Where phase and own flags decide, for documentation.
@return list of {code, when, kind} */
int error_refinements(lua_State *L)
{
  size_t i;
  lua_createtable(L, (int)REFINEMENTS, 0);
  for (i = 0; i < REFINEMENTS; i++) {
    lua_createtable(L, 3, 0);
    lua_pushstring(L, refinements[i].name);
    lua_rawseti(L, -2, 1);
    lua_pushstring(L, refinements[i].when);
    lua_rawseti(L, -2, 2);
    lua_pushstring(L, refinements[i].kind);
    lua_rawseti(L, -2, 3);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* The system's own words, which libcurl does not keep. */
static void add_reason(lua_State *L, const char *message, int number)
{
  lua_pushfstring(L, "%s (%s)", message, strerror(number));
  lua_setfield(L, -2, "message");
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, "retryable");
}

void error_push_easy(lua_State *L, Easy *easy, CURLcode code)
{
  const CodeRow *row = row_find(code);
  const char *kind = row != NULL ? row->kind : "curl";
  const char *message = curl_easy_strerror(code);
  if (easy != NULL && easy->message[0] != '\0')
    message = easy->message;
  if (easy != NULL && easy->guard.refused && code == CURLE_WRITE_ERROR)
    message = HEAD_GUARD_REASON;
  if (easy != NULL && easy->handle != NULL && is_long(easy, code))
    message = "a header or trailer of the answer is longer than libcurl takes";
  error_push_kind(L, kind, message);
  if (row != NULL) {
    set_string(L, "code", row->name);
    lua_pushboolean(L, row->retryable);
    lua_setfield(L, -2, "retryable");
  }
  lua_pushinteger(L, (lua_Integer)code);
  lua_setfield(L, -2, "number");
  if (easy != NULL && easy->handle != NULL && row != NULL) {
    Phase phase = easy_phase(easy);
    kind = refine_kind(easy, row, phase);
    if (phase == PHASE_TLS && (strcmp(kind, "proxy") == 0 ||
                               strcmp(kind, "too_large") == 0))
      phase = PHASE_CONNECT;       /* TLS has no headers */
    /* What a server sent was wrong, so something has come. */
    if (strcmp(kind, "protocol") == 0 &&
        (phase == PHASE_SEND || phase == PHASE_WAIT))
      phase = PHASE_RECEIVE;
    set_string(L, "phase", phase_names[phase]);
    set_string(L, "kind", kind);
    if (no_file(easy, phase))
      add_reason(L, message, easy->lacking);
  }
}

/*** The table from libcurl's codes to kinds, for documentation and tests.
@return list of {number=, code=, kind=, retryable=} */
int error_table(lua_State *L)
{
  size_t i;
  lua_createtable(L, (int)(sizeof rows / sizeof *rows), 0);
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, rows[i].code);
    lua_setfield(L, -2, "number");
    set_string(L, "code", rows[i].name);
    set_string(L, "kind", rows[i].kind);
    lua_pushboolean(L, rows[i].retryable);
    lua_setfield(L, -2, "retryable");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}
