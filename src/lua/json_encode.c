/* Lua to JSON. What JSON cannot say raises, and the message says where it stands:
   a number that is none, text that is no UTF-8, a function, a list with a hole. */
#include "json.h"

#include <math.h>
#include <string.h>

#include "buffer.h"

/* What is kept from one text to the next. */
#define KEPT (64 * 1024)

#define SCRATCH_TYPE "multisock.json_scratch"

/* Where a value stands: in which of the tables that are being written. */
typedef struct Place {
  const struct Place *above;
  int key;           /* index of the member's name; 0: an element */
  lua_Integer index; /* of the element */
} Place;

typedef struct Scratch {
  Buffer buffer;
  bool in_use;
} Scratch;

typedef struct Writer {
  lua_State *L;
  Buffer *out;
  int mark; /* where the metatable of arrays stands */
  int depth;
  const char *prefix; /* of messages */
} Writer;

static void write_value(Writer *writer, int idx, const Place *place);

/* ---- Errors ---- */

/* Names that are shown of a place, from the innermost. */
#define PLACES 8

/* Pushes "a.b[2]", or "the value". */
static void push_place(lua_State *L, const Place *place)
{
  int left = PLACES;
  if (place == NULL) {
    lua_pushliteral(L, "the value");
    return;
  }
  lua_pushliteral(L, "");
  for (; place != NULL && left > 0; place = place->above, left--) {
    char name[64];
    if (place->key == 0)
      lua_pushfstring(L, "[" INTEGER "]", INTEGER_VALUE(place->index));
    else {
      (void)snprintf(name, sizeof name, place->above != NULL ? ".%s" : "%s",
                     lua_tostring(L, place->key));
      lua_pushstring(L, name);
    }
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  if (place != NULL) {
    lua_pushliteral(L, "...");
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
}

static void fail(Writer *writer, const Place *place, const char *wrong)
{
  lua_State *L = writer->L;
  luaL_checkstack(L, 4, NULL);
  push_place(L, place);
  luaL_error(L, "%s%s: %s", writer->prefix, lua_tostring(L, -1), wrong);
}

/* ---- Text ---- */

static void put(Writer *writer, const char *bytes, size_t size)
{
  if (!buffer_append(writer->out, bytes, size))
    luaL_error(writer->L, "not enough memory");
}

static void write_string(Writer *writer, int idx, const Place *place)
{
  size_t size;
  const char *text = lua_tolstring(writer->L, idx, &size);
  switch (json_put_string(writer->out, text, size)) {
  case JSON_PUT: return;
  case JSON_NO_UTF8: fail(writer, place, "a string is no UTF-8"); return;
  default: luaL_error(writer->L, "not enough memory");
  }
}

static void write_number(Writer *writer, int idx, const Place *place)
{
  char text[NUMBER_ROOM];
  lua_Number value;
#if LUA_VERSION_NUM >= 503
  if (lua_isinteger(writer->L, idx)) {
    put(writer, text,
        number_print_integer(text, lua_tointeger(writer->L, idx)));
    return;
  }
#endif
  value = lua_tonumber(writer->L, idx);
  if (!isfinite(value))
    fail(writer, place,
         isnan(value) ? "a number expected, got NaN"
                      : "a number expected, got infinity");
  put(writer, text, number_print(text, value));
}

/* ---- Tables ---- */

static bool is_marked(Writer *writer, int idx)
{
  bool marked = false;
  if (lua_getmetatable(writer->L, idx)) {
    marked = lua_rawequal(writer->L, -1, writer->mark);
    lua_pop(writer->L, 1);
  }
  return marked;
}

/* Whether all keys are numbers from 1 to the count of them; raises when some are
   numbers and others are not, or when some are left out. */
static lua_Integer count_elements(Writer *writer, int idx, const Place *place)
{
  lua_State *L = writer->L;
  lua_Integer count = 0, most = 0;
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    lua_Integer key = 0;
    lua_pop(L, 1);
    if (lua_type(L, -1) == LUA_TNUMBER && lua_isinteger(L, -1))
      key = lua_tointeger(L, -1);
    if (key < 1)
      fail(writer, place,
           "a table with names or with 1 to n as its keys "
           "expected, got a mixture");
    if (key > most)
      most = key;
    count++;
  }
  if (most != count)
    fail(writer, place, "a list has holes: put ms.null there");
  return count;
}

static void write_elements(Writer *writer, int idx, const Place *place)
{
  lua_State *L = writer->L;
  lua_Integer count = count_elements(writer, idx, place), i;
  put(writer, "[", 1);
  for (i = 1; i <= count; i++) {
    Place inner = { place, 0, i };
    if (i > 1)
      put(writer, ",", 1);
    lua_rawgeti(L, idx, i);
    write_value(writer, lua_gettop(L), &inner);
    lua_pop(L, 1);
  }
  put(writer, "]", 1);
}

/* With the first pair on the stack. */
static void write_members(Writer *writer, int idx, const Place *place)
{
  lua_State *L = writer->L;
  bool first = true;
  put(writer, "{", 1);
  do {
    int value = lua_gettop(L);
    Place inner = { place, value - 1, 0 };
    if (lua_type(L, value - 1) != LUA_TSTRING)
      fail(writer, place,
           "a table with names or with 1 to n as its keys "
           "expected, got a mixture");
    if (!first)
      put(writer, ",", 1);
    first = false;
    write_string(writer, value - 1, place);
    put(writer, ":", 1);
    write_value(writer, value, &inner);
    lua_pop(L, 1);
  } while (lua_next(L, idx));
  put(writer, "}", 1);
}

static void write_table(Writer *writer, int idx, const Place *place)
{
  lua_State *L = writer->L;
  bool marked = is_marked(writer, idx);
  if (writer->depth >= JSON_DEPTH || !lua_checkstack(L, 8))
    fail(writer, place, "tables are nested too deeply, or in a circle");
  writer->depth++;
  if (marked)
    write_elements(writer, idx, place);
  else {
    lua_pushnil(L);
    if (!lua_next(L, idx))
      put(writer, "{}", 2);
    else if (lua_type(L, -2) == LUA_TSTRING)
      write_members(writer, idx, place);
    else {
      lua_pop(L, 2);
      write_elements(writer, idx, place);
    }
  }
  writer->depth--;
}

/* The value at `idx`, counted from the bottom. */
static void write_value(Writer *writer, int idx, const Place *place)
{
  lua_State *L = writer->L;
  switch (lua_type(L, idx)) {
  case LUA_TSTRING: write_string(writer, idx, place); return;
  case LUA_TNUMBER: write_number(writer, idx, place); return;
  case LUA_TTABLE: write_table(writer, idx, place); return;
  case LUA_TBOOLEAN:
    if (lua_toboolean(L, idx))
      put(writer, "true", 4);
    else
      put(writer, "false", 5);
    return;
  case LUA_TLIGHTUSERDATA:
    if (lua_touserdata(L, idx) == NULL) {
      put(writer, "null", 4);
      return;
    }
    break;
  default: break;
  }
  lua_pushfstring(L, "a value of JSON expected, got %s", luaL_typename(L, idx));
  fail(writer, place, lua_tostring(L, -1));
}

/* ---- The functions ---- */

static int scratch_gc(lua_State *L)
{
  Scratch *scratch = luaL_checkudata(L, 1, SCRATCH_TYPE);
  buffer_free(&scratch->buffer);
  return 0;
}

/* Pushes memory to write to, which lasts until it is collected. */
static Scratch *scratch_push(lua_State *L)
{
  Scratch *scratch = compat_newbytes(L, sizeof *scratch);
  memset(scratch, 0, sizeof *scratch);
  luaL_setmetatable(L, SCRATCH_TYPE);
  return scratch;
}

static int encode(lua_State *L, const char *prefix)
{
  Scratch *scratch;
  Writer writer = { L, NULL, 2, 0, prefix };
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  json_push_mark(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  scratch = lua_touserdata(L, -1);
  /* In use: what raised has left it so, or a finalizer runs in the middle. */
  if (scratch->in_use) {
    scratch = scratch_push(L);
    lua_pushvalue(L, -1);
    lua_replace(L, lua_upvalueindex(1));
  }
  scratch->in_use = true;
  writer.out = &scratch->buffer;
  write_value(&writer, 1, NULL);
  lua_pushlstring(L, buffer_head(writer.out), buffer_size(writer.out));
  writer.out->start = writer.out->end = 0;
  if (writer.out->capacity > KEPT)
    buffer_free(writer.out);
  scratch->in_use = false;
  return 1;
}

/*** Writes a value as JSON. A table with names is an object, one with keys from 1
to n an array; an empty one is an object unless it is marked (json_array).
@param value string, number, boolean, table, or core.null
@return string
@raise when JSON cannot say it: NaN, text that is no UTF-8, a function ...
@local */
static int json_encode(lua_State *L)
{
  return encode(L, "");
}

/*** The same of the option `json`, which messages name.
@param value as for json_encode
@return string
@raise as json_encode
@local */
static int json_body(lua_State *L)
{
  return encode(L, "option 'json': ");
}

static const char mark_key; /* its address is the registry key */

void json_push_mark(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &mark_key);
}

/*** Marks a table as an array, also when it is empty.
@param list table without a metatable
@return list
@local */
static int json_array(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  json_push_mark(L);
  if (lua_getmetatable(L, 1)) {
    luaL_argcheck(L, lua_rawequal(L, -1, 2), 1, "it has a metatable already");
    lua_pop(L, 1);
  }
  lua_setmetatable(L, 1);
  return 1;
}

void json_open(lua_State *L)
{
  if (luaL_newmetatable(L, SCRATCH_TYPE)) {
    lua_pushcfunction(L, scratch_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_pop(L, 1);
  json_push_mark(L);
  if (lua_isnil(L, -1)) {
    lua_newtable(L);
    lua_pushliteral(L, "multisock.array");
    lua_setfield(L, -2, "__name");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &mark_key);
  }
  lua_pop(L, 1);
  (void)scratch_push(L);
  lua_pushcclosure(L, json_encode, 1);
  lua_setfield(L, -2, "json_encode");
  (void)scratch_push(L);
  lua_pushcclosure(L, json_body, 1);
  lua_setfield(L, -2, "json_body");
  lua_pushcfunction(L, json_decode);
  lua_setfield(L, -2, "json_decode");
  lua_pushcfunction(L, json_array);
  lua_setfield(L, -2, "json_array");
}
