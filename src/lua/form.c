/* See form.h. What is usual is encoded here; targets.lua looks at all else. */
#include "form.h"

#include <math.h>
#include <string.h>

#include "json.h"
#include "sorted_pairs.h"

/* So many fields are looked at here. */
#define MOST_FIELDS 16

/* RFC 3986 2.3: unreserved */
static bool is_plain(char byte)
{
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' ||
         byte == '_' || byte == '~';
}

static void add_encoded(luaL_Buffer *buffer, const char *text, size_t size)
{
  static const char digits[] = "0123456789ABCDEF";
  size_t i;
  for (i = 0; i < size; i++) {
    unsigned char byte = (unsigned char)text[i];
    if (is_plain(text[i])) {
      luaL_addchar(buffer, text[i]);
      continue;
    }
    luaL_addchar(buffer, '%');
    luaL_addchar(buffer, digits[byte >> 4]);
    luaL_addchar(buffer, digits[byte & 15]);
  }
}

/* The number at the top as text; 0 when it cannot be sent. */
static size_t print_number(lua_State *L, char *text)
{
  lua_Number value = lua_tonumber(L, -1);
#if LUA_VERSION_NUM >= 503
  if (lua_isinteger(L, -1))
    return number_print_integer(text, lua_tointeger(L, -1));
#endif
  return isfinite(value) ? number_print(text, value) : 0;
}

/* The value at the top, which stands elsewhere, too; takes it off. */
static void add_value(lua_State *L, luaL_Buffer *buffer)
{
  char number[NUMBER_ROOM];
  const char *text = number;
  size_t size = 0;
  switch (lua_type(L, -1)) {
  case LUA_TSTRING: text = lua_tolstring(L, -1, &size); break;
  case LUA_TNUMBER: size = print_number(L, number); break;
  case LUA_TBOOLEAN:
    text = lua_toboolean(L, -1) ? "true" : "false";
    size = strlen(text);
    break;
  default: break;
  }
  lua_pop(L, 1);
  add_encoded(buffer, text, size);
}

/* Whether the name at the top but one is a text, and the value at the top one that is
   sent as it is. */
static bool is_usual(lua_State *L)
{
  char number[NUMBER_ROOM];
  if (lua_type(L, -2) != LUA_TSTRING ||
      strlen(lua_tostring(L, -2)) != lua_rawlen(L, -2))
    return false;
  return lua_type(L, -1) == LUA_TSTRING || lua_type(L, -1) == LUA_TBOOLEAN ||
         (lua_type(L, -1) == LUA_TNUMBER && print_number(L, number) > 0);
}

bool form_push(lua_State *L, int fields, const char *text, size_t size,
               const char *glue)
{
  Pair entries[MOST_FIELDS];
  luaL_Buffer buffer;
  int top = lua_gettop(L), i;
  int count = lua_getmetatable(L, fields)
                  ? -1
                  : sorted_pairs(L, fields, entries, MOST_FIELDS, is_usual);
  if (count < 0) {
    lua_settop(L, top);
    return false;
  }
  luaL_buffinit(L, &buffer);
  luaL_addlstring(&buffer, text, size);
  for (i = 0; i < count; i++) {
    luaL_addstring(&buffer, i > 0 ? "&" : glue);
    add_encoded(&buffer, entries[i].name, strlen(entries[i].name));
    luaL_addchar(&buffer, '=');
    lua_pushvalue(L, entries[i].at + 1);
    add_value(L, &buffer);
  }
  luaL_pushresult(&buffer);
  if (count > 0) {
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
  }
  return true;
}

/*** The fields of a form or a query, for what is usual: few names, with one value each.
@param fields table
@return string, "a=1&b=2", names in alphabetical order; nil when it has to be looked at
closely */
int form_new(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  return form_push(L, 1, "", 0, "") ? 1 : 0;
}
