/* See message.h. */
#include "message.h"

#include <limits.h>
#include <string.h>

#include "lines.h"

static const char limits_type[] = "multisock.limits";

/* ---- Limits ---- */

/* More is taken for ever. */
#define MOST_SECONDS 1e9

typedef struct Limits {
  const char *type; /* limits_type: see compat_checkmarked */
  uint64_t total_ms, first_byte_ms, idle_ms; /* 0: none */
  long connect_ms;
  size_t high_water, max_headers;
  curl_off_t max_body; /* 0: none */
} Limits;

static uint64_t check_ms(lua_State *L, int idx)
{
  lua_Number seconds =
      lua_toboolean(L, idx) ? luaL_checknumber(L, idx) : MOST_SECONDS;
  if (!(seconds < MOST_SECONDS))
    return 0;
  return seconds > 0.001 ? (uint64_t)(seconds * 1000) : 1;
}

/*** Limits of requests, checked and counted once.
@param total, connect, first_byte seconds; nil or false: none
@param high_water, max_headers, max_body bytes; max_body 0: none
@param idle seconds; nil or false: none
@return core.Limits */
static int limits_new(lua_State *L)
{
  Limits *limits = compat_newuserdata(L, sizeof *limits);
  uint64_t connect = check_ms(L, 2);
  limits->type = limits_type;
  limits->total_ms = check_ms(L, 1);
  limits->first_byte_ms = check_ms(L, 3);
  /* libcurl takes a long, which has 32 bits on some systems. */
  limits->connect_ms =
      connect == 0 || connect > INT_MAX ? INT_MAX : (long)connect;
  limits->high_water = (size_t)luaL_checkinteger(L, 4);
  limits->max_headers = (size_t)luaL_checkinteger(L, 5);
  limits->max_body = luaL_checkinteger(L, 6);
  limits->idle_ms = check_ms(L, 7);
  luaL_setmetatable(L, limits_type);
  return 1;
}

static CURLcode set_limits(Easy *easy, const Limits *limits)
{
  Receiver *receiver = easy->receiver;
  long connect_ms;
  receiver->first_byte_ms = limits->first_byte_ms;
  receiver->idle_ms = limits->idle_ms;
  receiver->high_water = limits->high_water;
  receiver->max_headers = limits->max_headers;
  receiver->max_body = limits->max_body;
  /* For the timer of this limit libcurl takes 1,200 instructions a request, also
     where there is nothing to connect. */
  receiver->connect_ms = limits->connect_ms;
  connect_ms = receiver->message.kept ? 0 : limits->connect_ms;
  receiver->message.kept = false;
  if (receiver->message.connect_ms == connect_ms)
    return CURLE_OK;
  receiver->message.connect_ms = connect_ms;
  return curl_easy_setopt(easy->handle, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
}

uint64_t message_deadline(lua_State *L, int first, uint64_t *duration)
{
  lua_Number at = lua_tonumber(L, first + MESSAGE_DEADLINE);
  const Limits *limits = lua_touserdata(L, first + MESSAGE_LIMITS);
  *duration = limits->total_ms;
  return at > 0 ? (uint64_t)(at * 1000) + 1 : 0;
}

/* The easy at `at` keeps what libcurl points into alive. */
static void keep_value(lua_State *L, int at, int option, int idx)
{
  compat_getuservalue(L, at);
  lua_pushvalue(L, idx);
  lua_rawseti(L, -2, option);
  lua_pop(L, 1);
}

/* ---- Header lines ---- */

static CURLcode set_lines(lua_State *L, Easy *easy, int at, int idx)
{
  const Lines *lines = lua_touserdata(L, idx);
  Receiver *receiver = easy->receiver;
  CURLcode code = CURLE_OK;
  if (receiver->message.lines == lines)
    return CURLE_OK; /* what it had last time, and keeps alive */
  keep_value(L, at, CURLOPT_HTTPHEADER, idx);
  code = curl_easy_setopt(easy->handle, CURLOPT_HTTPHEADER,
                          lines->count > 0 ? (void *)&lines->list->node : NULL);
  receiver->message.lines = lines;
  receiver->expects = lines->expects;
  receiver->upgrades = lines->upgrades;
  receiver->message.closes = lines->closes;
  if (code == CURLE_OK && lines->closes)
    code = curl_easy_setopt(easy->handle, CURLOPT_FORBID_REUSE, 1L);
  return code;
}

/* ---- Method and body ---- */

static CURLcode set_bytes(lua_State *L, Easy *easy, int at, int idx)
{
  size_t size = 0;
  const char *bytes = "";
  CURLcode code;
  if (idx != 0) {
    bytes = lua_tolstring(L, idx, &size);
    keep_value(L, at, CURLOPT_POSTFIELDS, idx);
  }
  easy->receiver->message.body = true;
  code = curl_easy_setopt(easy->handle, CURLOPT_POSTFIELDSIZE_LARGE,
                          (curl_off_t)size);
  return code != CURLE_OK
             ? code
             : curl_easy_setopt(easy->handle, CURLOPT_POSTFIELDS, bytes);
}

/* A PUT, too, is a POST to libcurl: before 8.7 it does not end the empty chunks of
   a PUT that only asks how to authenticate. */
static CURLcode set_fed(lua_State *L, Easy *easy, int size, bool web)
{
  curl_off_t bytes = lua_isnil(L, size) ? -1 : lua_tointeger(L, size);
  CURLcode code =
      curl_easy_setopt(easy->handle, web ? CURLOPT_POST : CURLOPT_UPLOAD, 1L);
  easy->receiver->message.body = true;
  easy->receiver->sending = true;
  if (code == CURLE_OK && bytes >= 0)
    code = curl_easy_setopt(easy->handle,
                            web ? CURLOPT_POSTFIELDSIZE_LARGE
                                : CURLOPT_INFILESIZE_LARGE,
                            bytes);
  return code;
}

/* NULL: the one that goes with the shape. Of raw options nothing is known here:
   handles that have some are not used again after another method than GET. */
static CURLcode set_custom(Easy *easy, const char *method)
{
  Message *message = &easy->receiver->message;
  if (method == NULL && !message->custom)
    return CURLE_OK;
  message->custom = method != NULL;
  return curl_easy_setopt(easy->handle, CURLOPT_CUSTOMREQUEST, method);
}

/* Back to a GET. */
static CURLcode unset_shape(Easy *easy)
{
  if (!easy->receiver->message.shaped)
    return CURLE_OK;
  easy->receiver->message.shaped = false;
  return curl_easy_setopt(easy->handle, CURLOPT_HTTPGET, 1L);
}

static bool is_web(lua_State *L, int target)
{
  bool web;
  lua_getfield(L, target, "web");
  web = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return web;
}

/* Whose bodies have a meaning: without one they say that it has no bytes (RFC
   9110, 8.6), or servers wait for it or answer 411. */
static bool has_length(const char *method)
{
  return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
         strcmp(method, "PATCH") == 0;
}

static CURLcode set_shape(lua_State *L, Easy *easy, int at, const char *method,
                          int body, int target)
{
  Message *message = &easy->receiver->message;
  bool web = is_web(L, target), fed = lua_isboolean(L, body);
  bool posts = strcmp(method, "POST") == 0;
  CURLcode code = unset_shape(easy);
  if (code != CURLE_OK)
    return code;
  message->shaped = true;
  if (!lua_isnil(L, body)) {
    easy->receiver->uploads = true;
    code = fed ? set_fed(L, easy, body + MESSAGE_SIZE - MESSAGE_BODY, web)
               : set_bytes(L, easy, at, body);
    return code != CURLE_OK ? code
                            : set_custom(easy, web && !posts ? method : NULL);
  }
  if (strcmp(method, "HEAD") == 0) {
    code = curl_easy_setopt(easy->handle, CURLOPT_NOBODY, 1L);
    return code != CURLE_OK ? code : set_custom(easy, NULL);
  }
  if (posts || (web && has_length(method)))
    code = set_bytes(L, easy, at, 0);
  return code != CURLE_OK ? code : set_custom(easy, posts ? NULL : method);
}

void message_check(lua_State *L, int first)
{
  int body = first + MESSAGE_BODY;
  (void)lines_check(L, first + MESSAGE_LINES);
  (void)compat_checkmarked(L, first + MESSAGE_LIMITS, limits_type);
  luaL_checktype(L, first + MESSAGE_METHOD, LUA_TSTRING);
  if (!lua_isnil(L, body) && !lua_isboolean(L, body))
    luaL_checktype(L, body, LUA_TSTRING);
}

CURLcode message_set(lua_State *L, Easy *easy, int at, int first, int target)
{
  const char *method = lua_tostring(L, first + MESSAGE_METHOD);
  CURLcode code = set_limits(easy, lua_touserdata(L, first + MESSAGE_LIMITS));
  easy->receiver->once = lua_toboolean(L, first + MESSAGE_ONCE);
  if (code == CURLE_OK)
    code = set_lines(L, easy, at, first + MESSAGE_LINES);
  if (code != CURLE_OK)
    return code;
  if (strcmp(method, "GET") != 0 || !lua_isnil(L, first + MESSAGE_BODY))
    return set_shape(L, easy, at, method, first + MESSAGE_BODY, target);
  code = unset_shape(easy);
  return code != CURLE_OK ? code : set_custom(easy, NULL);
}

/* Whether the next transfer is likely to find the connection of this one, and
   receiver_connects is called before libcurl makes another: not in the middle of a
   round of authentication, nor for a proxy, which may have several addresses. */
static bool is_kept(const Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  return easy->driver != NULL && easy->finished && easy->result == CURLE_OK &&
         receiver->tried_kept && receiver->major != 0 &&
         !receiver->auth_rounds && !receiver->proxied &&
         (receiver->single || receiver->asks);
}

/* Setting these cannot fail. */
void message_end(lua_State *L, Easy *easy, int at)
{
  CURL *handle = easy->handle;
  easy->receiver->message.kept = is_kept(easy);
  if (!easy->receiver->message.body)
    return;
  easy->receiver->message.body = false;
  (void)curl_easy_setopt(handle, CURLOPT_POSTFIELDS, NULL);
  (void)curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-1);
  (void)curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t)-1);
  compat_getuservalue(L, at);
  if (lua_istable(L, -1)) {
    lua_pushnil(L);
    lua_rawseti(L, -2, CURLOPT_POSTFIELDS);
  }
  lua_pop(L, 1);
}

bool message_is_last(const Easy *easy)
{
  return easy->receiver->message.closes;
}

static const luaL_Reg none[] = { { NULL, NULL } };

static const luaL_Reg functions[] = {
  { "limits", limits_new },
  { NULL, NULL },
};

/* Adds its functions to the table on top: core. */
void message_open(lua_State *L)
{
  compat_opentype(L, limits_type, NULL, none);
  luaL_setfuncs(L, functions, 0);
}
