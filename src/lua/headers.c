/* Header fields that a server sent. Nothing is parsed when they arrive: the
   object keeps the raw block, and a look at one field walks over its lines,
   which costs less than a table of them all would. A server may fill
   `max_headers` as it likes, so each walk takes time in proportion to the bytes
   of the block, whatever they are. snapshot.c makes the objects. */
#include "headers.h"

#include <string.h>
#include <strings.h>

#include "field_scan.h"
#include "plain.h"

static const char headers_type[] = "multisock.headers";

/* Behind it lies what its maker wanted, then the raw block. */
typedef struct Block {
  _Alignas(int64_t) const char *type; /* headers_type */
  size_t size;                        /* of the raw block */
  size_t own;
} Block;

/* ---- Values ---- */

static bool has(Span span, char byte)
{
  return memchr(span.at, byte, (size_t)(span.end - span.at)) != NULL;
}

/* Writes the lines of a folded value with a space between them. */
static size_t unfold(Span value, char *to)
{
  char *start = to;
  while (!span_is_empty(value)) {
    Span line = field_trim(field_line(&value));
    if (!span_is_empty(line) && to > start)
      *to++ = ' ';
    for (; !span_is_empty(line); line.at++)
      *to++ = field_forged(*line.at) ? ' ' : *line.at;
  }
  return (size_t)(to - start);
}

static void push_value(lua_State *L, Span value)
{
  size_t size;
  luaL_Buffer buffer;
  value = field_trim(value);
  size = (size_t)(value.end - value.at);
  if (!has(value, '\n') && !has(value, '\r') && !has(value, '\0')) {
    lua_pushlstring(L, value.at, size);
    return;
  }
  size = unfold(value, luaL_buffinitsize(L, &buffer, size));
  luaL_pushresultsize(&buffer, size);
}

void headers_push_reason(lua_State *L, Span block)
{
  Span line = field_line(&block);
  if (line.end - line.at < 5 || memcmp(line.at, "HTTP/", 5) != 0) {
    lua_pushnil(L);
    return;
  }
  while (!span_is_empty(line) && !field_blank(*line.at))
    line.at++;
  while (!span_is_empty(line) && field_blank(*line.at))
    line.at++;
  while (!span_is_empty(line) && *line.at >= '0' && *line.at <= '9')
    line.at++;
  line = field_trim(line);
  if (span_is_empty(line))
    lua_pushnil(L);
  else
    push_value(L, line);
}

/* ---- The object ---- */

static const Block *check_block(lua_State *L)
{
  return compat_checkmarked(L, 1, headers_type);
}

static Span whole(const Block *block)
{
  const char *bytes = (const char *)(block + 1) + block->own;
  Span span = { bytes, bytes + block->size };
  return span;
}

/* The name at index 2 for `method`; false when it can be no field's. */
static bool check_name(lua_State *L, const char *method, FieldName *name)
{
  const char *text;
  size_t size;
  lua_settop(L, 2);
  if (lua_type(L, 2) != LUA_TSTRING)
    luaL_error(L, "%s: name: string expected, got %s", method,
               luaL_typename(L, 2));
  text = lua_tolstring(L, 2, &size);
  return field_name(name, text, size);
}

/* Adds all values of a name to the list on top, which has so many. */
static void add_values(lua_State *L, Span rest, FieldName *name,
                       lua_Integer count)
{
  Span value;
  while (field_find(&rest, name, &value)) {
    push_value(L, value);
    lua_rawseti(L, -2, ++count);
  }
}

void headers_push_cookies(lua_State *L, Span block)
{
  static const char text[] = "set-cookie";
  FieldName name;
  Span value;
  if (!field_name(&name, text, sizeof text - 1) ||
      !field_find(&block, &name, &value)) {
    lua_pushnil(L);
    return;
  }
  lua_newtable(L);
  push_value(L, value);
  lua_rawseti(L, -2, 1);
  add_values(L, block, &name, 1);
}

/*** All values of a field, in the order of arrival.
@param name string
@return list, empty when there is none */
static int headers_get_all(lua_State *L)
{
  FieldName name;
  Span rest = whole(check_block(L));
  bool possible = check_name(L, "get_all", &name);
  lua_newtable(L);
  if (possible)
    add_values(L, rest, &name, 0);
  return 1;
}

static int each_next(lua_State *L)
{
  const Block *block = lua_touserdata(L, lua_upvalueindex(1));
  Span rest = whole(block), name, value;
  const char *start = rest.at;
  rest.at += (size_t)lua_tointeger(L, lua_upvalueindex(2));
  if (!field_next(&rest, &name, &value)) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, (lua_Integer)(rest.at - start));
  lua_replace(L, lua_upvalueindex(2));
  lua_pushlstring(L, name.at, (size_t)(name.end - name.at));
  push_value(L, value);
  return 2;
}

/*** Iterates over name, value in the order of arrival, names as they came.
@return iterator */
static int headers_each(lua_State *L)
{
  (void)check_block(L);
  lua_settop(L, 1);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, each_next, 2);
  return 1;
}

/* All values of a name, joined by ", "; nil when there is none. */
static void push_joined(lua_State *L, Span rest, FieldName *name)
{
  luaL_Buffer buffer;
  Span value;
  if (!field_find(&rest, name, &value)) {
    lua_pushnil(L);
    return;
  }
  push_value(L, value);
  if (!field_find(&rest, name, &value))
    return;
  lua_insert(L, 1); /* the buffer has the top to itself */
  luaL_buffinit(L, &buffer);
  lua_pushvalue(L, 1);
  luaL_addvalue(&buffer);
  do {
    luaL_addstring(&buffer, ", ");
    push_value(L, value);
    luaL_addvalue(&buffer);
  } while (field_find(&rest, name, &value));
  luaL_pushresult(&buffer);
}

/*** The value of a field, whatever its case; of several their values, joined by
", ".
@param name string
@return string; nil when there is none */
static int headers_get(lua_State *L)
{
  const Block *block = check_block(L);
  FieldName name;
  if (check_name(L, "get", &name))
    push_joined(L, whole(block), &name);
  else
    lua_pushnil(L);
  return 1;
}

/* headers["content-type"], and the methods: the upvalue. */
static int headers_index(lua_State *L)
{
  const Block *block = check_block(L);
  size_t size;
  const char *text;
  FieldName name;
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  if (!lua_isnil(L, -1))
    return 1;
  if (lua_type(L, 2) != LUA_TSTRING)
    return 1;
  text = lua_tolstring(L, 2, &size);
  if (field_name(&name, text, size))
    push_joined(L, whole(block), &name);
  return 1;
}

static int headers_newindex(lua_State *L)
{
  return luaL_error(L, "headers are read-only: %s", luaL_tolstring(L, 2, NULL));
}

/* Fields whose values let a stranger in. */
static bool is_secret(Span name)
{
  static const char *const names[] = { "set-cookie",
                                       "cookie",
                                       "authorization",
                                       "proxy-authorization",
                                       "x-api-key",
                                       "x-auth-token",
                                       NULL };
  size_t size = (size_t)(name.end - name.at), i;
  for (i = 0; names[i] != NULL; i++)
    if (strlen(names[i]) == size && strncasecmp(names[i], name.at, size) == 0)
      return true;
  return false;
}

static void push_shown(lua_State *L, Span name, Span value)
{
  size_t size;
  const char *text;
  if (is_secret(name)) {
    lua_pushliteral(L, "***");
    return;
  }
  push_value(L, value);
  text = lua_tolstring(L, -1, &size);
  plain_push(L, text, size, '?', 0, 0);
  lua_remove(L, -2);
}

/* A field a line, for people: fit for a terminal, secrets not shown. */
static int headers_tostring(lua_State *L)
{
  Span rest = whole(check_block(L)), name, value;
  bool first = true;
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  while (field_next(&rest, &name, &value)) {
    if (!first)
      luaL_addchar(&buffer, '\n');
    first = false;
    plain_push(L, name.at, (size_t)(name.end - name.at), '?', 0, 0);
    luaL_addvalue(&buffer);
    luaL_addstring(&buffer, ": ");
    push_shown(L, name, value);
    luaL_addvalue(&buffer);
  }
  luaL_pushresult(&buffer);
  return 1;
}

char *headers_push(lua_State *L, size_t size, size_t own, void **memory)
{
  Block *made = compat_newbytes(L, sizeof *made + own + size);
  made->type = headers_type;
  made->size = size;
  made->own = own;
  lua_rawgetp(L, LUA_REGISTRYINDEX, headers_type);
  lua_setmetatable(L, -2);
  if (memory != NULL)
    *memory = made + 1;
  return (char *)(made + 1) + own;
}

void headers_push_copy(lua_State *L, Span block)
{
  size_t size = (size_t)(block.end - block.at);
  char *to = headers_push(L, size, 0, NULL);
  if (size > 0)
    memcpy(to, block.at, size);
}

Span headers_read(lua_State *L, int idx, const void **memory, size_t *own)
{
  const Block *block = compat_checkmarked(L, idx, headers_type);
  *memory = block + 1;
  *own = block->own;
  return whole(block);
}

/*** Reads a raw header block.
@param block string
@return headers; the reason phrase, nil when there is none
@local */
int headers_new(lua_State *L)
{
  size_t size;
  Span block;
  block.at = luaL_checklstring(L, 1, &size);
  block.end = block.at + size;
  headers_push_copy(L, block);
  headers_push_reason(L, block);
  return 2;
}

static const luaL_Reg methods[] = {
  { "get", headers_get },
  { "get_all", headers_get_all },
  { "each", headers_each },
  { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
  { "__newindex", headers_newindex },
  { "__pairs", headers_each },
  { "__tostring", headers_tostring },
  { NULL, NULL },
};

void headers_open(lua_State *L)
{
  if (!compat_newtype(L, headers_type))
    return;
  luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_pushcclosure(L, headers_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
