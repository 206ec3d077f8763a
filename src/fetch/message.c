/* See message.h. */
#include "message.h"

#include <string.h>

#include "lines.h"
#include "request_limits.h"

/* The easy at `at` keeps what libcurl points into alive. */
static void keep_value(lua_State *L, int at, int option, int idx)
{
  compat_getuservalue(L, at);
  lua_pushvalue(L, idx);
  lua_rawseti(L, -2, option);
  lua_pop(L, 1);
}

/* Those are kept for message_repeat; that option has no value of its own. */
static CURLcode keep_limits(lua_State *L, Easy *easy, int at, int idx)
{
  const Limits *limits = lua_touserdata(L, idx);
  if (easy->receiver->message.limits != limits) {
    keep_value(L, at, CURLOPT_CONNECTTIMEOUT_MS, idx);
    easy->receiver->message.limits = limits;
  }
  return limits_set(easy, limits);
}

uint64_t message_deadline(lua_State *L, int first, uint64_t *duration)
{
  lua_Number at = lua_tonumber(L, first + MESSAGE_DEADLINE);
  const Limits *limits = lua_touserdata(L, first + MESSAGE_LIMITS);
  *duration = limits->total_ms;
  return at > 0 ? (uint64_t)(at * 1000) + 1 : 0;
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
  (void)limits_check(L, first + MESSAGE_LIMITS);
  luaL_checktype(L, first + MESSAGE_METHOD, LUA_TSTRING);
  if (!lua_isnil(L, body) && !lua_isboolean(L, body))
    luaL_checktype(L, body, LUA_TSTRING);
}

CURLcode message_set(lua_State *L, Easy *easy, int at, int first, int target)
{
  const char *method = lua_tostring(L, first + MESSAGE_METHOD);
  CURLcode code = keep_limits(L, easy, at, first + MESSAGE_LIMITS);
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

CURLcode message_repeat(Easy *easy, bool once, uint64_t *duration)
{
  const Limits *limits = easy->receiver->message.limits;
  easy->receiver->once = once;
  *duration = limits->total_ms;
  return limits_set(easy, limits);
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
