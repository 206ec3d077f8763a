/* Options that are numbers or switches, and what others have to know of a
   handle because of them. */
#include "options_private.h"

#include <limits.h>

#include "quirks.h"
#include "share.h"

/* Integers, integral floats, and booleans as 0 and 1. */
static lua_Integer check_integer(lua_State *L, int idx, const char *name,
                                 lua_Integer least, lua_Integer most)
{
  int exact;
  lua_Integer value;
  if (lua_isboolean(L, idx))
    return lua_toboolean(L, idx);
  value = lua_type(L, idx) == LUA_TNUMBER ? lua_tointegerx(L, idx, &exact)
                                          : (exact = 0, 0);
  if (!exact)
    luaL_error(L, "option '%s': integer or boolean expected, got %s", name,
               lua_type(L, idx) == LUA_TNUMBER ? lua_tostring(L, idx)
                                               : luaL_typename(L, idx));
  if (value < least || value > most)
    luaL_error(L, "option '%s': " INTEGER " is out of range", name,
               INTEGER_VALUE(value));
  return value;
}

static long clamp_buffer_size(long size)
{
  const long least = 16 * 1024;
  if (quirk_small_buffer() && size < least)
    return least;
  return size;
}

/* libcurl (7.88 to 8.18 for sure) would free the entries that a share holds for
   others, too. */
static void check_hsts(lua_State *L, const Easy *easy, CURLoption id,
                       const char *name, long number)
{
  if (id == CURLOPT_HSTS_CTRL && (number & CURLHSTS_ENABLE) == 0 &&
      share_has_hsts(easy->share))
    luaL_error(L,
               "option '%s': cannot be switched off (%d) while the entries "
               "are those of a share",
               name, (int)number);
}

/* What others have to know of a handle. */
static void note_long(Easy *easy, CURLoption id, long number)
{
  if (id == CURLOPT_HEADER)
    easy->guard.wanted = number != 0;
  else if (id == CURLOPT_HTTP09_ALLOWED)
    easy->guard.http09 = number != 0;
  else if (id == CURLOPT_CONNECT_ONLY)
    easy->connect_only = number != 0;
  else if (id == CURLOPT_MAXAGE_CONN)
    easy->max_idle = number;
  if (id != CURLOPT_HTTP_VERSION)
    return;
  easy->cleartext_http2 = number == CURL_HTTP_VERSION_2_0 ||
                          number == CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
  easy->http1_only =
      number == CURL_HTTP_VERSION_1_0 || number == CURL_HTTP_VERSION_1_1;
}

CURLcode options_set_long(lua_State *L, Easy *easy, int self, CURLoption id,
                          const char *name, int value)
{
  long number = (long)check_integer(L, value, name, LONG_MIN, LONG_MAX);
  check_hsts(L, easy, id, name, number);
  if (id == CURLOPT_POSTFIELDSIZE)
    options_check_body_size(L, self, name, number);
  if (id == CURLOPT_BUFFERSIZE) {
    number = clamp_buffer_size(number);
    easy->buffer_size = -1;
  }
  if (id == CURLOPT_WILDCARDMATCH)
    easy->wildcard = true;
  note_long(easy, id, number);
  return curl_easy_setopt(easy->handle, id, number);
}

CURLcode options_set_off_t(lua_State *L, Easy *easy, int self, CURLoption id,
                           const char *name, int value)
{
  lua_Integer number =
      check_integer(L, value, name, LUA_MININTEGER, LUA_MAXINTEGER);
  if (id == CURLOPT_POSTFIELDSIZE_LARGE)
    options_check_body_size(L, self, name, number);
  return curl_easy_setopt(easy->handle, id, (curl_off_t)number);
}

CURLcode options_unset_long(lua_State *L, Easy *easy, int self, CURLoption id)
{
  long number = options_long_default(id);
  check_hsts(L, easy, id, "HSTS_CTRL", number);
  if (id == CURLOPT_POSTFIELDSIZE)
    number = (long)options_body_size(L, self);
  note_long(easy, id, number);
  return curl_easy_setopt(easy->handle, id, number);
}

CURLcode options_unset_off_t(lua_State *L, Easy *easy, int self, CURLoption id)
{
  curl_off_t number = id == CURLOPT_INFILESIZE_LARGE ? -1 : 0;
  if (id == CURLOPT_POSTFIELDSIZE_LARGE)
    number = options_body_size(L, self);
  return curl_easy_setopt(easy->handle, id, number);
}
