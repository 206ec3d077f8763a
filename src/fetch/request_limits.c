/* See request_limits.h. */
#include "request_limits.h"

#include <limits.h>

#include "receiver.h"

static const char limits_type[] = "multisock.limits";

uint64_t limits_ms(lua_Number seconds)
{
  if (!(seconds < LIMITS_FOR_EVER))
    return 0;
  return seconds > 0.001 ? (uint64_t)(seconds * 1000) : 1;
}

static uint64_t check_ms(lua_State *L, int idx)
{
  return lua_toboolean(L, idx) ? limits_ms(luaL_checknumber(L, idx)) : 0;
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

const Limits *limits_check(lua_State *L, int idx)
{
  return compat_checkmarked(L, idx, limits_type);
}

CURLcode limits_set(Easy *easy, const Limits *limits)
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

static const luaL_Reg none[] = { { NULL, NULL } };

static const luaL_Reg functions[] = {
  { "limits", limits_new },
  { NULL, NULL },
};

/* Adds its function to the table on top: core. */
void limits_open(lua_State *L)
{
  compat_opentype(L, limits_type, NULL, none);
  luaL_setfuncs(L, functions, 0);
}
