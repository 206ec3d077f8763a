/* curl_easy_header and curl_easy_nextheader: the headers of the last transfer,
   as libcurl has parsed them. */
#include "easy.h"
#include "error.h"
#include "fields.h"
#include "newer.h"

#include <limits.h>

/* ---- Origins ---- */

static const char *const origin_names[] = { "header", "trailer", "connect",
                                            "1xx",    "pseudo",  NULL };

/* By bit: libcurl's numbers never change. */
#define ORIGINS 5

/* A name, a list of names, or nothing: the server's own headers. */
static unsigned int check_origin(lua_State *L, int idx)
{
  unsigned int bits = check_bits(L, idx, "header", origin_names);
  luaL_argcheck(L, bits != 0, idx, "names no origin");
  return bits;
}

static const char *origin_name(unsigned int bits)
{
  int i;
  for (i = 0; i < ORIGINS; i++)
    if (bits & (1u << i))
      return origin_names[i];
  return NULL;
}

/* -1 is the last request, 0 the first of a transfer with redirects. */
static int check_request(lua_State *L, int idx)
{
  lua_Integer request = luaL_optinteger(L, idx, -1);
  luaL_argcheck(L, request >= -1 && request <= INT_MAX, idx,
                "-1 or the number of a request expected");
  return (int)request;
}

static int lacks(lua_State *L)
{
  lua_pushnil(L);
  lua_pushfstring(L,
                  "headers need libcurl 7.83.0 or newer with the headers "
                  "API (this is %s)",
                  curl_version_info(CURLVERSION_NOW)->version);
  error_push_kind(L, "curl", lua_tostring(L, -1));
  lua_remove(L, -2);
  return 2;
}

static void push_header(lua_State *L, const struct curl_header *header)
{
  lua_createtable(L, 0, 6);
  field_string(L, "name", header->name);
  field_string(L, "value", header->value);
  field_integer(L, "amount", header->amount);
  field_integer(L, "index", header->index);
  field_string(L, "origin", origin_name(header->origin));
}

/* libcurl's results, by number. */
enum { HEADER_OK, HEADER_MEMORY = 5, HEADER_BAD_ARGUMENT, HEADER_LACKS };

/*** A header of the last transfer.
@param name string in any case
@param index? integer: which one of several with this name, from 0 (the default)
@param origin? string|string[]: "header" (the default), "trailer", "connect",
"1xx" or "pseudo", or a list of these
@param request? integer: the number of the request in a transfer with redirects, from 0;
-1 (the default): the last
@return table with name, value, amount, index and origin; nil when there is no
such header; or nil, err when libcurl is older than 7.83 or built without
@see curl_easy_header(3) */
static int easy_header(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  const char *name = luaL_checkstring(L, 2);
  lua_Integer index = luaL_optinteger(L, 3, 0);
  unsigned int origin = check_origin(L, 4);
  int request = check_request(L, 5);
  struct curl_header *header = NULL;
  int code;
  luaL_argcheck(L, index >= 0, 3, "must not be negative");
  luaL_argcheck(L, *name != '\0', 2, "is empty");
  if (curl_easy_header == NULL)
    return lacks(L);
  code = (int)curl_easy_header(easy->handle, name, (size_t)index, origin,
                               request, &header);
  if (code == HEADER_LACKS)
    return lacks(L);
  if (code == HEADER_MEMORY)
    return luaL_error(L, "not enough memory");
  if (code == HEADER_BAD_ARGUMENT)
    return luaL_error(L, "header: libcurl refuses these arguments");
  if (code == HEADER_OK)
    push_header(L, header);
  else
    lua_pushnil(L);
  return 1;
}

/* libcurl goes on from an address, which is gone when the next transfer begins,
   or when a header is continued. To count from the first one at each call takes
   the square of their number; so all are read at the first call. The list is a
   value of the handle. */
static const char list_key[] = "headers that nextheader goes through";

/* Pushes the list of all. */
static void push_list(lua_State *L, Easy *easy, unsigned int origin,
                      int request)
{
  struct curl_header *header = NULL;
  lua_Integer count = 0;
  lua_newtable(L);
  while ((header = curl_easy_nextheader(easy->handle, origin, request,
                                        header)) != NULL) {
    push_header(L, header);
    field_integer(L, "position", ++count);
    lua_rawseti(L, -2, count);
  }
}

/* Pushes the list that has the header at `previous` at this position, and tells
   whether that is the one that was read for it. */
static bool push_known_list(lua_State *L, Easy *easy, int previous,
                            lua_Integer position)
{
  bool same = false;
  easy_push_values(L, easy);
  lua_getfield(L, -1, list_key);
  lua_remove(L, -2);
  if (lua_istable(L, -1)) {
    lua_rawgeti(L, -1, position);
    same = lua_rawequal(L, -1, previous);
    lua_pop(L, 1);
  }
  if (!same)
    lua_pop(L, 1);
  return same;
}

static void keep_list(lua_State *L, Easy *easy, int list)
{
  easy_push_values(L, easy);
  lua_pushvalue(L, list);
  lua_setfield(L, -2, list_key);
  lua_pop(L, 1);
}

/*** The header after another one, in the order in which they came. The first call
reads all that there are then.
@param origin? string|string[] as for header
@param request? integer as for header
@param previous? table: what nextheader returned; nil: the first one
@return table as header returns it, with its `position` (from 1); nil after
the last; or nil, err
@see curl_easy_nextheader(3) */
static int easy_nextheader(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  unsigned int origin = check_origin(L, 2);
  int request = check_request(L, 3);
  lua_Integer position = 0;
  if (!lua_isnoneornil(L, 4)) {
    luaL_checktype(L, 4, LUA_TTABLE);
    if (lua_getfield(L, 4, "position") != LUA_TNUMBER)
      return luaL_argerror(L, 4, "a header of nextheader expected");
    position = lua_tointeger(L, -1);
    luaL_argcheck(L, position >= 1 && position < INT_MAX, 4,
                  "a header of nextheader expected");
  }
  if (curl_easy_header == NULL || curl_easy_nextheader == NULL)
    return lacks(L);
  lua_settop(L, 4);
  if (position == 0 || !push_known_list(L, easy, 4, position)) {
    push_list(L, easy, origin, request);
    keep_list(L, easy, 5);
  }
  lua_rawgeti(L, 5, position + 1);
  if (lua_isnil(L, -1)) {
    lua_pushnil(L);
    lua_replace(L, 5);
    keep_list(L, easy, 5); /* it was the last */
  }
  return 1;
}

const luaL_Reg easy_header_methods[] = {
  { "header", easy_header },
  { "nextheader", easy_nextheader },
  { NULL, NULL },
};
