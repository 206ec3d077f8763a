/* See header_fields.h. What is unusual headers.lua looks at. */
#include "header_fields.h"

#include <string.h>

#include "sorted_pairs.h"

static const char fields_type[] = "multisock.fields";

/* Fields of one request, with the bytes of their names and values behind them. */
typedef struct Fields {
  const char *type; /* fields_type: see compat_checkmarked */
  const void *self; /* as that of Lines */
  int count;
  Field list[];
} Fields;

/* ---- Reading ---- */

Field header_field(lua_State *L, int fields, lua_Integer i)
{
  const Fields *own = lua_touserdata(L, fields);
  Field field;
  if (own != NULL)
    return own->list[i - 1];
  lua_rawgeti(L, fields, i);
  luaL_checktype(L, -1, LUA_TTABLE);
  lua_rawgeti(L, -1, 1);
  lua_rawgeti(L, -2, 2);
  field.name = luaL_checklstring(L, -2, &field.name_size);
  field.value = luaL_checklstring(L, -1, &field.value_size);
  lua_pop(L, 3);
  return field;
}

static const Fields *fields_check(lua_State *L, int idx)
{
  const Fields *own = compat_checkmarked(L, idx, fields_type);
  luaL_argcheck(L, own->self == own, idx,
                "the fields are of another Lua state");
  return own;
}

lua_Integer header_count(lua_State *L, int fields)
{
  if (lua_istable(L, fields))
    return (lua_Integer)lua_rawlen(L, fields);
  return fields_check(L, fields)->count;
}

/* ---- As users give them ---- */

/* RFC 9110: token characters. */
static bool is_token(const char *text, size_t size)
{
  size_t i;
  for (i = 0; i < size; i++) {
    char c = text[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
          (c >= '0' && c <= '9') || c == '-' ||
          (c != '\0' && strchr("!#$%&'*+.^_`|~", c) != NULL)))
      return false;
  }
  return size > 0;
}

static bool is_one_line(const char *text, size_t size)
{
  return memchr(text, '\0', size) == NULL && memchr(text, '\r', size) == NULL &&
         memchr(text, '\n', size) == NULL;
}

/* Whether the field says how long the body is. */
static bool frames(const char *name, size_t size)
{
  return header_is(name, size, "Content-Length") ||
         header_is(name, size, "Transfer-Encoding");
}

static Field read_field(lua_State *L, int name, int value)
{
  Field field;
  field.name = lua_tolstring(L, name, &field.name_size);
  field.value = lua_tolstring(L, value, &field.value_size);
  return field;
}

/* Whether the name at the top but one and the value at the top are in order. */
static bool is_usual(lua_State *L)
{
  Field field;
  if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
    return false;
  field = read_field(L, -2, -1);
  return is_token(field.name, field.name_size) &&
         is_one_line(field.value, field.value_size) &&
         !header_is(field.name, field.name_size, "Host") &&
         !frames(field.name, field.name_size);
}

static const char *copy(char **to, const char *text, size_t size)
{
  char *start = *to;
  memcpy(start, text, size);
  start[size] = '\0';
  *to = start + size + 1;
  return start;
}

static void push_fields(lua_State *L, const Field *list, int count,
                        size_t bytes)
{
  Fields *own =
      compat_newuserdata(L,
                         sizeof *own + (size_t)count * sizeof(Field) + bytes);
  char *to = (char *)(own->list + count);
  int i;
  own->type = fields_type;
  own->self = own;
  own->count = count;
  for (i = 0; i < count; i++) {
    own->list[i] = list[i];
    own->list[i].name = copy(&to, list[i].name, list[i].name_size);
    own->list[i].value = copy(&to, list[i].value, list[i].value_size);
  }
  luaL_setmetatable(L, fields_type);
}

int header_fields_read(lua_State *L, int given, Field *list)
{
  Pair pairs[MOST_FIELDS];
  int count, i;
  if (!lua_istable(L, given) || lua_getmetatable(L, given))
    return -1; /* what a metatable has may be fields, too */
  count = sorted_pairs(L, given, pairs, MOST_FIELDS, is_usual);
  for (i = 0; i < count; i++)
    list[i] = read_field(L, pairs[i].at, pairs[i].at + 1);
  return count;
}

/*** Header fields in order, for what is usual: few names with a text each.
@param given value
@return core.Fields, names in alphabetical order, none of which frames the body; nil
when it has to be looked at closely */
static int fields_new(lua_State *L)
{
  Field list[MOST_FIELDS];
  size_t bytes = 0;
  int count, i;
  lua_settop(L, 1);
  count = header_fields_read(L, 1, list);
  if (count < 0)
    return 0;
  for (i = 0; i < count; i++)
    bytes += list[i].name_size + list[i].value_size + 2;
  push_fields(L, list, count, bytes);
  return 1;
}

int header_fields_list(lua_State *L)
{
  const Fields *own = fields_check(L, 1);
  int i;
  lua_createtable(L, own->count, 0);
  for (i = 0; i < own->count; i++) {
    lua_createtable(L, 2, 0);
    lua_pushlstring(L, own->list[i].name, own->list[i].name_size);
    lua_rawseti(L, -2, 1);
    lua_pushlstring(L, own->list[i].value, own->list[i].value_size);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

int header_fields_with(lua_State *L)
{
  const Fields *own = fields_check(L, 1);
  Field list[MOST_FIELDS + 1];
  size_t bytes = 0;
  int i;
  list[0].name = luaL_checklstring(L, 2, &list[0].name_size);
  list[0].value = luaL_optlstring(L, 3, NULL, &list[0].value_size);
  if (own->count >= MOST_FIELDS)
    return 0;
  for (i = 0; i < own->count; i++) {
    list[i + 1] = own->list[i];
    if (header_is(list[i + 1].name, list[i + 1].name_size, list[0].name))
      return 0;
    bytes += list[i + 1].name_size + list[i + 1].value_size + 2;
  }
  if (list[0].value == NULL)
    lua_settop(L, 1);
  else
    push_fields(L, list, own->count + 1,
                bytes + list[0].name_size + list[0].value_size + 2);
  return 1;
}

/*** Whether a list of fields says how a body is framed.
@param fields list of {name, value}
@return boolean */
static int fields_frame(lua_State *L)
{
  lua_Integer i, count;
  bool found = false;
  luaL_checktype(L, 1, LUA_TTABLE);
  count = (lua_Integer)lua_rawlen(L, 1);
  for (i = 1; i <= count && !found; i++) {
    Field field = header_field(L, 1, i);
    found = frames(field.name, field.name_size);
  }
  lua_pushboolean(L, found);
  return 1;
}

static const luaL_Reg none[] = { { NULL, NULL } };

static const luaL_Reg functions[] = {
  { "fields", fields_new },
  { "frames", fields_frame },
  { NULL, NULL },
};

void header_fields_open(lua_State *L)
{
  compat_opentype(L, fields_type, NULL, none);
  luaL_setfuncs(L, functions, 0);
}
