/* Trampolines of the callbacks that decide about a connection: resolver_start,
   sockopt, ssl_ctx, prereq, and the two for SSH's host keys. */
#include "callbacks_private.h"

#include <string.h>

/* ---- Before the connection ---- */

static int resolver_body(lua_State *L)
{
  int *result = lua_touserdata(L, 1);
  lua_call(L, 0, 1);
  *result = callbacks_code(L, "resolver_start_function", 1);
  return 0;
}

static int on_resolver_start(void *state, void *reserved, void *data)
{
  int result;
  (void)state; /* NULL, or c-ares's own */
  (void)reserved;
  return callbacks_run(data, CURLOPT_RESOLVER_START_FUNCTION, resolver_body,
                       &result)
             ? result
             : 1;
}

typedef struct SockOpt {
  curl_socket_t fd;
  curlsocktype purpose;
  int result;
} SockOpt;

static int sockopt_body(lua_State *L)
{
  SockOpt *call = lua_touserdata(L, 1);
  lua_pushinteger(L, (lua_Integer)call->fd);
  lua_pushstring(L, call->purpose == CURLSOCKTYPE_ACCEPT ? "accept" : "ipcxn");
  lua_call(L, 2, 1);
  call->result = callbacks_code(L, "sockoptfunction", CURL_SOCKOPT_ERROR);
  return 0;
}

static int on_sockopt(void *data, curl_socket_t fd, curlsocktype purpose)
{
  SockOpt call = { fd, purpose, CURL_SOCKOPT_ERROR };
  return callbacks_run(data, CURLOPT_SOCKOPTFUNCTION, sockopt_body, &call)
             ? call.result
             : CURL_SOCKOPT_ERROR;
}

typedef struct SslContext {
  void *context;
  int result;
} SslContext;

static int ssl_ctx_body(lua_State *L)
{
  SslContext *call = lua_touserdata(L, 1);
  lua_pushlightuserdata(L, call->context);
  lua_call(L, 1, 1);
  call->result =
      callbacks_code(L, "ssl_ctx_function", CURLE_ABORTED_BY_CALLBACK);
  return 0;
}

static CURLcode on_ssl_ctx(CURL *handle, void *context, void *data)
{
  SslContext call = { context, CURLE_ABORTED_BY_CALLBACK };
  (void)handle;
  return callbacks_run(data, CURLOPT_SSL_CTX_FUNCTION, ssl_ctx_body, &call)
             ? (CURLcode)call.result
             : CURLE_ABORTED_BY_CALLBACK;
}

/* ---- The connection is there, nothing has been sent ---- */

typedef struct Prereq {
  const char *peer, *local;
  int peer_port, local_port;
  int result;
} Prereq;

static int prereq_body(lua_State *L)
{
  Prereq *call = lua_touserdata(L, 1);
  lua_pushstring(L, call->peer);
  lua_pushinteger(L, call->peer_port);
  lua_pushstring(L, call->local);
  lua_pushinteger(L, call->local_port);
  lua_call(L, 4, 1);
  call->result = callbacks_code(L, "prereqfunction", CURL_PREREQFUNC_ABORT);
  return 0;
}

static int on_prereq(void *data, char *peer, char *local, int peer_port,
                     int local_port)
{
  Prereq call = { peer, local, peer_port, local_port, CURL_PREREQFUNC_ABORT };
  if (!easy_use(data, peer, peer_port, local_port))
    return CURL_PREREQFUNC_OK; /* libcurl will try another connection */
  return callbacks_run(data, CURLOPT_PREREQFUNCTION, prereq_body, &call)
             ? call.result
             : CURL_PREREQFUNC_ABORT;
}

/* ---- SSH ---- */

static const char *key_type(int type)
{
  static const char *const names[] = { "unknown", "rsa1",  "rsa",
                                       "dss",     "ecdsa", "ed25519" };
  if (type < 0 || (size_t)type >= sizeof names / sizeof *names)
    return names[0];
  return names[type];
}

/* {type=, key=}; nil for NULL. A length of 0: the key is base64 text. */
static void push_key(lua_State *L, const struct curl_khkey *key)
{
  if (key == NULL) {
    lua_pushnil(L);
    return;
  }
  lua_createtable(L, 0, 2);
  lua_pushstring(L, key_type(key->keytype));
  lua_setfield(L, -2, "type");
  lua_pushlstring(L, key->key != NULL ? key->key : "",
                  key->len > 0 || key->key == NULL ? key->len
                                                   : strlen(key->key));
  lua_setfield(L, -2, "key");
}

typedef struct HostKey {
  const struct curl_khkey *known, *found;
  int match;
  int result;
} HostKey;

/* A function that forgets to answer accepts nothing. */
static int key_verdict(lua_State *L, const char *name, int accept, int refuse)
{
  if (lua_isinteger(L, -1))
    return (int)lua_tointeger(L, -1);
  if (!lua_isnil(L, -1) && !lua_isboolean(L, -1))
    callbacks_refuse(L, name, "boolean or integer");
  return lua_toboolean(L, -1) ? accept : refuse;
}

static int ssh_key_body(lua_State *L)
{
  static const char *const matches[] = { "ok", "mismatch", "missing" };
  HostKey *call = lua_touserdata(L, 1);
  push_key(L, call->known);
  push_key(L, call->found);
  if (call->match >= 0 && call->match < CURLKHMATCH_LAST)
    lua_pushstring(L, matches[call->match]);
  else
    lua_pushnil(L);
  lua_call(L, 3, 1);
  call->result =
      key_verdict(L, "ssh_keyfunction", CURLKHSTAT_FINE, CURLKHSTAT_REJECT);
  return 0;
}

static int on_ssh_key(CURL *handle, const struct curl_khkey *known,
                      const struct curl_khkey *found, enum curl_khmatch match,
                      void *data)
{
  HostKey call = { known, found, (int)match, CURLKHSTAT_REJECT };
  (void)handle;
  return callbacks_run(data, CURLOPT_SSH_KEYFUNCTION, ssh_key_body, &call)
             ? call.result
             : CURLKHSTAT_REJECT;
}

static int ssh_hostkey_body(lua_State *L)
{
  HostKey *call = lua_touserdata(L, 1);
  lua_pushstring(L, key_type(call->found->keytype));
  lua_pushlstring(L, call->found->key, call->found->len);
  lua_call(L, 2, 1);
  call->result = key_verdict(L, "ssh_hostkeyfunction", CURLKHMATCH_OK,
                             CURLKHMATCH_MISMATCH);
  return 0;
}

static int on_ssh_hostkey(void *data, int type, const char *key, size_t size)
{
  struct curl_khkey found;
  HostKey call = { NULL, &found, 0, CURLKHMATCH_MISMATCH };
  found.keytype = (enum curl_khtype)type;
  found.key = key;
  found.len = size;
  return callbacks_run(data, OPTION_SSH_HOSTKEYFUNCTION, ssh_hostkey_body,
                       &call)
             ? call.result
             : CURLKHMATCH_MISMATCH;
}

const CallbackRow callbacks_connect_rows[] = {
  { CURLOPT_RESOLVER_START_FUNCTION, CURLOPT_RESOLVER_START_DATA,
    (AnyFunction)on_resolver_start },
  { CURLOPT_SOCKOPTFUNCTION, CURLOPT_SOCKOPTDATA, (AnyFunction)on_sockopt },
  { CURLOPT_SSL_CTX_FUNCTION, CURLOPT_SSL_CTX_DATA, (AnyFunction)on_ssl_ctx },
  { CURLOPT_PREREQFUNCTION, CURLOPT_PREREQDATA, (AnyFunction)on_prereq },
  { CURLOPT_SSH_KEYFUNCTION, CURLOPT_SSH_KEYDATA, (AnyFunction)on_ssh_key },
  { OPTION_SSH_HOSTKEYFUNCTION, OPTION_SSH_HOSTKEYDATA,
    (AnyFunction)on_ssh_hostkey },
  { 0, 0, NULL },
};
