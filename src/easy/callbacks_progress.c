/* Trampolines of the callbacks that watch a transfer: xferinfo, the old
   progress, and debug. */
#include "callbacks_private.h"

typedef struct Progress {
  curl_off_t down_total, down, up_total, up;
  int stop;
} Progress;

/* What libcurl is told when a callback ends its transfer. One of a file: URL that
   has all comes to its end by itself; told to end just then, libcurl forgets to
   give the path back. An error is found at the end. */
static int ending(const Easy *easy, bool has_all)
{
  return has_all && easy_is_file(easy) ? 0 : 1;
}

static int xferinfo_body(lua_State *L)
{
  Progress *call = lua_touserdata(L, 1);
  lua_pushinteger(L, call->down_total);
  lua_pushinteger(L, call->down);
  lua_pushinteger(L, call->up_total);
  lua_pushinteger(L, call->up);
  lua_call(L, 4, 1);
  call->stop = lua_isinteger(L, -1)
                   ? lua_tointeger(L, -1) != 0
                   : lua_isboolean(L, -1) && !lua_toboolean(L, -1);
  return 0;
}

static int on_xferinfo(void *data, curl_off_t down_total, curl_off_t down,
                       curl_off_t up_total, curl_off_t up)
{
  Progress call = { down_total, down, up_total, up, 1 };
  if (callbacks_run(data, CURLOPT_XFERINFOFUNCTION, xferinfo_body, &call) &&
      !call.stop)
    return 0;
  return ending(data, down >= down_total && up >= up_total);
}

/* The same with floats, as this callback has always had them. */
typedef struct OldProgress {
  double counts[4];
  int stop;
} OldProgress;

static int progress_body(lua_State *L)
{
  OldProgress *call = lua_touserdata(L, 1);
  int i;
  for (i = 0; i < 4; i++)
    lua_pushnumber(L, call->counts[i]);
  lua_call(L, 4, 1);
  call->stop = callbacks_code(L, "progressfunction", 1) != 0;
  return 0;
}

static int on_progress(void *data, double down_total, double down,
                       double up_total, double up)
{
  OldProgress call = { { down_total, down, up_total, up }, 1 };
  if (callbacks_run(data, OPTION_PROGRESSFUNCTION, progress_body, &call) &&
      !call.stop)
    return 0;
  return ending(data, down >= down_total && up >= up_total);
}

typedef struct Debug {
  curl_infotype type;
  const char *bytes;
  size_t size;
} Debug;

static int debug_body(lua_State *L)
{
  static const char *const names[] = { "text",        "header_in",
                                       "header_out",  "data_in",
                                       "data_out",    "ssl_data_in",
                                       "ssl_data_out" };
  const Debug *call = lua_touserdata(L, 1);
  lua_pushstring(L, names[call->type]);
  lua_pushlstring(L, call->bytes, call->size);
  lua_call(L, 2, 0);
  return 0;
}

static int on_debug(CURL *handle, curl_infotype type, char *bytes, size_t size,
                    void *data)
{
  Debug call = { type, bytes, size };
  (void)handle; /* may be one of libcurl's own */
  if (type >= CURLINFO_END)
    return 0;
  /* libcurl does not look at the result; an error ends the transfer at its
     next other callback, or is found at its end. */
  (void)callbacks_run(data, CURLOPT_DEBUGFUNCTION, debug_body, &call);
  return 0;
}

/* The old function first: both have one data pointer, and callbacks_adopt
   sets what comes later. */
const CallbackRow callbacks_progress_rows[] = {
  { OPTION_PROGRESSFUNCTION, CURLOPT_XFERINFODATA, (AnyFunction)on_progress },
  { CURLOPT_XFERINFOFUNCTION, CURLOPT_XFERINFODATA, (AnyFunction)on_xferinfo },
  { CURLOPT_DEBUGFUNCTION, CURLOPT_DEBUGDATA, (AnyFunction)on_debug },
  { 0, 0, NULL },
};
