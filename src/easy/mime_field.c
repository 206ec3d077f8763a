/* Fields of the parts of a multipart body. Each function checks the value at
   `value` and stores it in the values of a part, at `part`. */
#include "mime_private.h"

#include <string.h>

static void store(lua_State *L, int part, const char *field, int value)
{
  lua_pushvalue(L, value);
  lua_setfield(L, part, field);
}

/* Line breaks would let the author of a value write headers of the part. */
static void check_text(lua_State *L, int value, const char *field)
{
  size_t size;
  const char *text;
  if (lua_type(L, value) != LUA_TSTRING && lua_type(L, value) != LUA_TNUMBER)
    luaL_error(L, "mime part '%s': string expected, got %s", field,
               luaL_typename(L, value));
  text = lua_tolstring(L, value, &size);
  if (strlen(text) != size)
    luaL_error(L, "mime part '%s': the value has a zero byte", field);
  if (strpbrk(text, "\r\n") != NULL)
    luaL_error(L, "mime part '%s': the value has a line break", field);
}

static void set_text(lua_State *L, int part, const char *field, int value)
{
  if (!lua_isnil(L, value))
    check_text(L, value, field);
  store(L, part, field, value);
}

void mime_set_name(lua_State *L, int part, int value)
{
  set_text(L, part, "name", value);
}

void mime_set_type(lua_State *L, int part, int value)
{
  set_text(L, part, "type", value);
}

/* false: none, where libcurl would send that of the file. */
void mime_set_filename(lua_State *L, int part, int value)
{
  if (lua_isboolean(L, value) && !lua_toboolean(L, value))
    store(L, part, "filename", value);
  else
    set_text(L, part, "filename", value);
}

void mime_set_encoder(lua_State *L, int part, int value)
{
  static const char *const names[] = { "binary", "8bit", "7bit", "base64",
                                       "quoted-printable" };
  const char *name =
      lua_type(L, value) == LUA_TSTRING ? lua_tostring(L, value) : NULL;
  size_t i;
  if (!lua_isnil(L, value)) {
    for (i = 0; i < sizeof names / sizeof *names; i++)
      if (name != NULL && strcmp(names[i], name) == 0)
        break;
    if (i == sizeof names / sizeof *names)
      luaL_error(L,
                 "mime part 'encoder': 'binary', '8bit', '7bit', 'base64' "
                 "or 'quoted-printable' expected, got %s",
                 luaL_tolstring(L, value, NULL));
  }
  store(L, part, "encoder", value);
}

void mime_set_headers(lua_State *L, int part, int value)
{
  lua_Integer i, count;
  if (lua_isnil(L, value)) {
    store(L, part, "headers", value);
    return;
  }
  if (!lua_istable(L, value))
    luaL_error(L, "mime part 'headers': list of strings expected, got %s",
               luaL_typename(L, value));
  count = (lua_Integer)lua_rawlen(L, value);
  lua_newtable(L); /* of our own: theirs may change */
  for (i = 1; i <= count; i++) {
    lua_rawgeti(L, value, i);
    check_text(L, lua_gettop(L), "headers");
    (void)lua_tostring(L, -1); /* a number becomes its text */
    lua_rawseti(L, -2, i);
  }
  lua_setfield(L, part, "headers");
}

/* A part has one content: what it had before goes. */
static void clear_content(lua_State *L, int part)
{
  static const char *const fields[] = { "data", "file", "read",
                                        "seek", "size", "subparts" };
  size_t i;
  lua_getfield(L, part, "subparts");
  if (lua_isuserdata(L, -1)) {
    compat_getuservalue(L, -1);
    lua_pushnil(L);
    lua_setfield(L, -2, OWNER);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  for (i = 0; i < sizeof fields / sizeof *fields; i++) {
    lua_pushnil(L);
    lua_setfield(L, part, fields[i]);
  }
}

void mime_set_data(lua_State *L, int part, int value)
{
  if (!lua_isnil(L, value)) {
    if (lua_type(L, value) != LUA_TSTRING && lua_type(L, value) != LUA_TNUMBER)
      luaL_error(L, "mime part 'data': string expected, got %s",
                 luaL_typename(L, value));
    (void)lua_tostring(L, value);
  }
  clear_content(L, part);
  store(L, part, "data", value);
}

void mime_set_file(lua_State *L, int part, int value)
{
  size_t size;
  if (!lua_isnil(L, value)) {
    if (lua_type(L, value) != LUA_TSTRING)
      luaL_error(L, "mime part 'file': path expected, got %s",
                 luaL_typename(L, value));
    if (strlen(lua_tolstring(L, value, &size)) != size)
      luaL_error(L, "mime part 'file': the path has a zero byte");
  }
  clear_content(L, part);
  store(L, part, "file", value);
}

static void check_function(lua_State *L, int value, const char *field,
                           bool optional)
{
  if (!lua_isfunction(L, value) && !(optional && lua_isnil(L, value)))
    luaL_error(L, "mime part '%s': function expected, got %s", field,
               luaL_typename(L, value));
}

/* size, read and seek are at `first` and the two after it. */
void mime_set_stream(lua_State *L, int part, int first)
{
  if (!lua_isnil(L, first) &&
      (!lua_isinteger(L, first) || lua_tointeger(L, first) < -1))
    luaL_error(L,
               "mime part 'size': count of bytes, or -1 or nil when it is "
               "not known, expected, got %s",
               luaL_tolstring(L, first, NULL));
  check_function(L, first + 1, "read", false);
  check_function(L, first + 2, "seek", true);
  clear_content(L, part);
  store(L, part, "size", first);
  store(L, part, "read", first + 1);
  store(L, part, "seek", first + 2);
}

/* How deep in tables the part's own mime is. */
static int depth_of(lua_State *L, int part)
{
  int depth;
  lua_getfield(L, part, "mime");
  depth = ((Mime *)lua_touserdata(L, -1))->depth;
  lua_pop(L, 1);
  return depth;
}

/* The mime at `child` may not hold, at any depth, the part's own mime: that
   is, no owner of the latter is the child. */
static void check_tree(lua_State *L, int part, int child)
{
  lua_getfield(L, part, "mime");
  while (!lua_isnil(L, -1)) {
    if (lua_rawequal(L, -1, child))
      luaL_error(L, "mime part 'subparts': a mime cannot be part of itself");
    compat_getuservalue(L, -1);
    lua_getfield(L, -1, OWNER);
    lua_replace(L, -3);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

void mime_set_subparts(lua_State *L, int part, int value)
{
  if (lua_isnil(L, value)) {
    clear_content(L, part);
    return;
  }
  if (lua_istable(L, value)) {
    int mime = mime_push_mime(L, depth_of(L, part) + 1);
    mime_add_parts(L, mime, value);
    lua_replace(L, value);
  }
  mime_push_parts(L, value);
  check_tree(L, part, value);
  clear_content(L, part);
  lua_getfield(L, part, "mime");
  lua_setfield(L, -2, OWNER);
  lua_pop(L, 1);
  store(L, part, "subparts", value);
}

static const struct {
  const char *name;
  void (*set)(lua_State *L, int part, int value);
  bool content;
} fields[] = {
  { "name", mime_set_name, false },
  { "type", mime_set_type, false },
  { "filename", mime_set_filename, false },
  { "encoder", mime_set_encoder, false },
  { "headers", mime_set_headers, false },
  { "data", mime_set_data, true },
  { "file", mime_set_file, true },
  { "filedata", mime_set_file, true },
  { "subparts", mime_set_subparts, true },
  { "read", NULL, true },
  { "seek", NULL, false },
  { "size", NULL, false },
};

#define FIELDS (sizeof fields / sizeof *fields)

/* Sets the field named at `key`; returns the name when it is a content. */
const char *mime_set_field(lua_State *L, int part, int table, int key)
{
  const char *name =
      lua_type(L, key) == LUA_TSTRING ? lua_tostring(L, key) : NULL;
  size_t i;
  for (i = 0; i < FIELDS; i++)
    if (name != NULL && strcmp(fields[i].name, name) == 0)
      break;
  if (i == FIELDS)
    luaL_error(L, "unknown field '%s' of a mime part",
               luaL_tolstring(L, key, NULL));
  if (fields[i].set != NULL)
    fields[i].set(L, part, key + 1);
  else if (fields[i].content) {
    int first = lua_gettop(L) + 1;
    lua_getfield(L, table, "size");
    lua_getfield(L, table, "read");
    lua_getfield(L, table, "seek");
    mime_set_stream(L, part, first);
  }
  return fields[i].content ? fields[i].name : NULL;
}
