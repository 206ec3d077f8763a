/* Errors of transfers: the kind that libcurl's code has (error_codes.c), and
   where the code alone misleads. Kinds of our own making (too_large,
   redirect, status, ...) are given by the Lua layer through core.error. */
#include "error_private.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "easy.h"
#include "fields.h"
#include "gathered.h"
#include "quirks.h"

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
  return error_connect_status(easy) >= 300;
}

/* It closed, or what it said is no HTTP. Of a proxy that the environment names
   only libcurl's message tells. */
static bool proxy_failed(Easy *easy, Phase phase)
{
  return (phase == PHASE_CONNECT && error_asks_proxy(easy)) ||
         (phase == PHASE_TLS && strstr(easy->message, "CONNECT") != NULL);
}

/* Whether it was the server of the URL that could not be reached. Where the
   environment has its say (a proxy, or whom not to ask through one) only
   libcurl's message tells: "Failed to connect to HOST port PORT after". */
static bool names_server(Easy *easy)
{
  char *text = NULL, *host = NULL, *port = NULL, *named = NULL;
  CURLU *url = curl_url();
  bool found = false;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_EFFECTIVE_URL, &text);
  if (url != NULL && text != NULL &&
      curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) ==
          CURLUE_OK &&
      curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
      curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ==
          CURLUE_OK) {
    size_t length = strlen(host);
    bool brackets = length > 2 && host[0] == '[';
    size_t room = length + strlen(port) + sizeof "to  port  after";
    named = malloc(room);
    if (named != NULL) {
      (void)snprintf(named, room, "to %.*s port %s after",
                     (int)(brackets ? length - 2 : length), host + brackets,
                     port);
      found = strstr(easy->message, named) != NULL;
    }
  }
  free(named);
  curl_free(host);
  curl_free(port);
  curl_url_cleanup(url);
  return found;
}

static bool by_proxy(Easy *easy, Phase phase)
{
  long reason = 0;
  (void)phase;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_PROXY_ERROR, &reason);
  /* libcurl keeps the reason of an earlier transfer: a handle of a pool knows
     by itself. */
  if (easy->receiver != NULL)
    return easy->receiver->proxied && !names_server(easy);
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
  case ERROR_TOO_LARGE:
    return error_phase_of(easy) == PHASE_RECEIVE &&
           strstr(easy->message, "Too many") == NULL;
  default: return false;
  }
}

static const char *words_of_long(Easy *easy)
{
  long sent = 0;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_REQUEST_SIZE, &sent);
  return sent > 0
             ? "a header or trailer of the answer is longer than libcurl takes"
             : "URL and headers of the request are longer than libcurl takes";
}

static bool over_cap(Easy *easy, Phase phase)
{
  (void)phase;
  return easy->receiver != NULL && easy->receiver->excess != NULL;
}

#define PRIVATE "the address is not public, and allow_private is false"
#define NO_FILE "too many files are open"

static bool no_file(Easy *easy, Phase phase)
{
  (void)phase;
  return easy->lacking != 0;
}

/* See fetch/public_only.h. Not where another address of the name was tried. */
static bool is_private(Easy *easy, Phase phase)
{
  (void)phase;
  return easy->receiver != NULL && !easy->receiver->reached_out &&
         easy->receiver->refused_address.family != 0;
}

static const struct Refinement {
  int code;
  const char *name, *when;
  bool (*applies)(Easy *easy, Phase phase);
  const char *kind;
} refinements[] = {
#define WHEN(name, when, applies, kind)               \
  {                                                   \
    CURLE_##name, "CURLE_" #name, when, applies, kind \
  }
  WHEN(COULDNT_CONNECT, NO_FILE, no_file, "io"),
  WHEN(COULDNT_RESOLVE_HOST, NO_FILE, no_file, "io"),
  WHEN(COULDNT_RESOLVE_PROXY, NO_FILE, no_file, "io"),
  WHEN(SSL_CACERT_BADFILE, NO_FILE, no_file, "io"),
  WHEN(FILE_COULDNT_READ_FILE, NO_FILE, no_file, "io"),
  WHEN(COULDNT_CONNECT, PRIVATE, is_private, "policy"),
  WHEN(ABORTED_BY_CALLBACK, PRIVATE, is_private, "policy"),
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
  WHEN(COULDNT_CONNECT, "the connection was one to a proxy", by_proxy, "proxy"),
  WHEN(HTTP2, "the server ended the session (GOAWAY)", no_details, "closed"),
  WHEN(HTTP2, "the connection was lost", lost, "closed"),
  WHEN(ABORTED_BY_CALLBACK, "the server broke off its answer", answered_twice,
       "closed"),
  WHEN(WRITE_ERROR, "the answer is no valid HTTP", is_invalid, "protocol"),
  WHEN(UPLOAD_FAILED, "a body without length, and the server speaks HTTP/1.0",
       is_invalid, "protocol"),
  WHEN(BAD_FUNCTION_ARGUMENT, "a header line is not valid", in_head,
       "protocol"),
  WHEN(ABORTED_BY_CALLBACK,
       "a kept connection died, and the request may not "
       "be sent again",
       died_unasked, "closed"),
  WHEN(ABORTED_BY_CALLBACK,
       "the request had to be sent again, and its body "
       "cannot be",
       body_is_gone, "closed"),
  WHEN(SEND_FAIL_REWIND,
       "the request had to be sent again, and its body "
       "cannot be",
       body_is_gone, "closed"),
  WHEN(WRITE_ERROR, "the server broke off its answer", answered_twice,
       "closed"),
  WHEN(SEND_FAIL_REWIND, "the server broke off its answer", answered_twice,
       "closed"),
  WHEN(WRITE_ERROR, "max_body or max_headers was passed", over_cap,
       "too_large"),
#undef WHEN
};

#define REFINEMENTS (sizeof refinements / sizeof *refinements)

static const char *refine_kind(Easy *easy, const ErrorRow *row, Phase phase)
{
  size_t i;
  for (i = 0; i < REFINEMENTS; i++)
    if (refinements[i].code == row->code && refinements[i].applies(easy, phase))
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
  field_boolean(L, "retryable", true);
}

static void say_private(lua_State *L, const Address *address)
{
  char text[INET6_ADDRSTRLEN];
  address_text(address, text, sizeof text);
  lua_pushfstring(L, "%s is not public (%s), and allow_private is false", text,
                  address_objection(address));
  lua_setfield(L, -2, "message");
  field_boolean(L, "retryable", false);
}

/* What OpenSSL and GnuTLS say of an answer that is none of TLS. */
static bool is_no_tls(const char *message)
{
  return strstr(message, "wrong version number") != NULL ||
         strstr(message, "unexpected TLS packet") != NULL;
}

static void say_no_tls(lua_State *L, const char *message)
{
  lua_pushfstring(L, "%s: it may be that the server speaks no TLS at this port",
                  message);
  lua_setfield(L, -2, "message");
}

void error_push_easy(lua_State *L, Easy *easy, CURLcode code)
{
  const ErrorRow *row = error_row(code);
  const char *kind = row != NULL ? row->kind : "curl";
  const char *message = curl_easy_strerror(code);
  if (easy != NULL && easy->message[0] != '\0')
    message = easy->message;
  if (easy != NULL && easy->guard.refused && code == CURLE_WRITE_ERROR)
    message = HEAD_GUARD_REASON;
  if (easy != NULL && easy->handle != NULL && is_long(easy, code))
    message = words_of_long(easy);
  error_push_kind(L, kind, message);
  if (row != NULL) {
    field_string(L, "code", row->name);
    field_boolean(L, "retryable", row->retryable);
  }
  field_integer(L, "number", code);
  if (easy != NULL && easy->handle != NULL && row != NULL) {
    Phase phase = error_phase_of(easy);
    kind = refine_kind(easy, row, phase);
    if (phase == PHASE_TLS &&
        (strcmp(kind, "proxy") == 0 || strcmp(kind, "too_large") == 0))
      phase = PHASE_CONNECT; /* TLS has no headers */
    /* What a server sent was wrong, so something has come. */
    if (strcmp(kind, "protocol") == 0 &&
        (phase == PHASE_SEND || phase == PHASE_WAIT))
      phase = PHASE_RECEIVE;
    field_string(L, "phase", error_phase_name(phase));
    field_string(L, "kind", kind);
    if (no_file(easy, phase))
      add_reason(L, message, easy->lacking);
    else if (strcmp(kind, "policy") == 0 && is_private(easy, phase))
      say_private(L, &easy->receiver->refused_address);
    else if (strcmp(kind, "tls") == 0 && is_no_tls(message))
      say_no_tls(L, message);
  }
}
