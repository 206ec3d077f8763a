/* core.mime: the description of a multipart body. Parts and their fields are
   Lua values in the user values of mimes and parts; everything is checked
   here, when it is set, so that building the body can fail only where the
   outside world does. */
#include "mime.h"

#include <string.h>

static const char mime_type[] = "multisock.mime";
static const char part_type[] = "multisock.mimepart";

/* Deeper than any mail. A table that holds itself would never end. */
#define MAX_DEPTH 32

typedef struct Mime {
  bool closed;             /* its values stay: an easy may have them */
  int depth;               /* in the tables that it was made of */
} Mime;

/* Where the values of a mime name the mime that it is part of. */
#define OWNER "owner"

static Mime *mime_check(lua_State *L, int idx)
{
  Mime *mime = compat_checkudata(L, idx, mime_type);
  if (mime->closed)
    luaL_argerror(L, idx, "mime is closed");
  return mime;
}

void mime_push_parts(lua_State *L, int idx)
{
  (void)mime_check(L, idx);
  compat_getuservalue(L, idx);
  lua_getfield(L, -1, OWNER);
  if (!lua_isnil(L, -1))
    luaL_error(L, "the mime is part of another one");
  lua_pop(L, 1);
}

void mime_push_part(lua_State *L, int idx)
{
  compat_getuservalue(L, idx);
}

/* Pushes the values of the part at 1; raises when its mime is closed. */
static void push_checked_part(lua_State *L)
{
  (void)compat_checkudata(L, 1, part_type);
  compat_getuservalue(L, 1);
  lua_getfield(L, -1, "mime");
  if (((Mime *)lua_touserdata(L, -1))->closed)
    luaL_argerror(L, 1, "the mime of the part is closed");
  lua_pop(L, 1);
}

/* ---- Fields. Each function checks the value at `value` and stores it in the
   values of a part, at `part`. ---- */

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

static void set_name(lua_State *L, int part, int value)
{
  set_text(L, part, "name", value);
}

static void set_type(lua_State *L, int part, int value)
{
  set_text(L, part, "type", value);
}

/* false: none, where libcurl would send that of the file. */
static void set_filename(lua_State *L, int part, int value)
{
  if (lua_isboolean(L, value) && !lua_toboolean(L, value))
    store(L, part, "filename", value);
  else
    set_text(L, part, "filename", value);
}

static void set_encoder(lua_State *L, int part, int value)
{
  static const char *const names[] = {
    "binary", "8bit", "7bit", "base64", "quoted-printable"
  };
  const char *name = lua_type(L, value) == LUA_TSTRING ? lua_tostring(L, value)
                                                       : NULL;
  size_t i;
  if (!lua_isnil(L, value)) {
    for (i = 0; i < sizeof names / sizeof *names; i++)
      if (name != NULL && strcmp(names[i], name) == 0)
        break;
    if (i == sizeof names / sizeof *names)
      luaL_error(L, "mime part 'encoder': 'binary', '8bit', '7bit', 'base64' "
                 "or 'quoted-printable' expected, got %s",
                 luaL_tolstring(L, value, NULL));
  }
  store(L, part, "encoder", value);
}

static void set_headers(lua_State *L, int part, int value)
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
  lua_newtable(L);                 /* of our own: theirs may change */
  for (i = 1; i <= count; i++) {
    lua_rawgeti(L, value, i);
    check_text(L, lua_gettop(L), "headers");
    (void)lua_tostring(L, -1);     /* a number becomes its text */
    lua_rawseti(L, -2, i);
  }
  lua_setfield(L, part, "headers");
}

/* A part has one content: what it had before goes. */
static void clear_content(lua_State *L, int part)
{
  static const char *const fields[] = {
    "data", "file", "read", "seek", "size", "subparts"
  };
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

static void set_data(lua_State *L, int part, int value)
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

static void set_file(lua_State *L, int part, int value)
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
static void set_stream(lua_State *L, int part, int first)
{
  if (!lua_isnil(L, first) &&
      (!lua_isinteger(L, first) || lua_tointeger(L, first) < -1))
    luaL_error(L, "mime part 'size': count of bytes, or -1 or nil when it is "
               "not known, expected, got %s", luaL_tolstring(L, first, NULL));
  check_function(L, first + 1, "read", false);
  check_function(L, first + 2, "seek", true);
  clear_content(L, part);
  store(L, part, "size", first);
  store(L, part, "read", first + 1);
  store(L, part, "seek", first + 2);
}

static void add_parts(lua_State *L, int mime, int list);
static int push_mime(lua_State *L, int depth);

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

static void set_subparts(lua_State *L, int part, int value)
{
  if (lua_isnil(L, value)) {
    clear_content(L, part);
    return;
  }
  if (lua_istable(L, value)) {
    int mime = push_mime(L, depth_of(L, part) + 1);
    add_parts(L, mime, value);
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

/* ---- Parts ---- */

/* Pushes a new part of the mime at `mime`, then its values; returns the index
   of the values. */
static int push_part(lua_State *L, int mime)
{
  (void)compat_newuserdata(L, 1);
  luaL_setmetatable(L, part_type);
  lua_newtable(L);
  lua_pushvalue(L, mime);
  lua_setfield(L, -2, "mime");
  lua_pushvalue(L, -1);
  compat_setuservalue(L, -3);
  compat_getuservalue(L, mime);
  lua_pushvalue(L, -3);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 1);
  return lua_gettop(L);
}

static const struct {
  const char *name;
  void (*set)(lua_State *L, int part, int value);
  bool content;
} fields[] = {
  { "name", set_name, false },         { "type", set_type, false },
  { "filename", set_filename, false }, { "encoder", set_encoder, false },
  { "headers", set_headers, false },   { "data", set_data, true },
  { "file", set_file, true },          { "filedata", set_file, true },
  { "subparts", set_subparts, true },  { "read", NULL, true },
  { "seek", NULL, false },             { "size", NULL, false },
};

#define FIELDS (sizeof fields / sizeof *fields)

/* Sets the field named at `key`; returns the name when it is a content. */
static const char *set_field(lua_State *L, int part, int table, int key)
{
  const char *name = lua_type(L, key) == LUA_TSTRING ? lua_tostring(L, key)
                                                     : NULL;
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
    set_stream(L, part, first);
  }
  return fields[i].content ? fields[i].name : NULL;
}

/* Fills a part from the table at `table`. */
static void fill_part(lua_State *L, int part, int table)
{
  const char *content = NULL;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    int key = lua_gettop(L) - 1;
    const char *name = set_field(L, part, table, key);
    if (name != NULL && content != NULL)
      luaL_error(L, "mime part: '%s' and '%s' exclude each other", content,
                 name);
    if (name != NULL)
      content = name;
    lua_settop(L, key);
  }
}

static void add_parts(lua_State *L, int mime, int list)
{
  lua_Integer i, count = (lua_Integer)lua_rawlen(L, list);
  luaL_checkstack(L, 20, "mime parts are nested too deeply");
  for (i = 1; i <= count; i++) {
    int top = lua_gettop(L), part;
    if (lua_rawgeti(L, list, i) != LUA_TTABLE)
      luaL_error(L, "mime part " INTEGER ": table expected, got %s",
                 INTEGER_VALUE(i),
                 luaL_typename(L, -1));
    part = push_part(L, mime);
    fill_part(L, part, top + 1);
    lua_settop(L, top);
  }
}

/* A method that sets one field: self, value. */
static int set_by_method(lua_State *L,
                         void (*set)(lua_State *L, int part, int value))
{
  lua_settop(L, 2);
  push_checked_part(L);
  set(L, 3, 2);
  lua_settop(L, 1);
  return 1;
}

/*** The name of the form field.
@param name string; nil: none
@return self
@see curl_mime_name(3) */
static int part_name(lua_State *L)
{
  return set_by_method(L, set_name);
}

/*** The content: a string, which may have zero bytes. It replaces any other
content.
@param data string
@return self
@see curl_mime_data(3) */
static int part_data(lua_State *L)
{
  return set_by_method(L, set_data);
}

/*** The content: a file, read while it is sent. Its name is sent too, unless
filename says otherwise.
@param path string
@return self; that the file cannot be read is told when the mime is given to
an easy
@see curl_mime_filedata(3) */
static int part_filedata(lua_State *L)
{
  return set_by_method(L, set_file);
}

/*** The content: what a function gives, as the readfunction of an easy does.
@param size bytes; nil or -1 when it is not known
@param read function(room): a string of at most so many bytes; nil: the end
@param seek optional function(offset, origin), needed to send it again
@return self
@see curl_mime_data_cb(3) */
static int part_data_cb(lua_State *L)
{
  lua_settop(L, 4);
  push_checked_part(L);
  set_stream(L, 5, 2);
  lua_settop(L, 1);
  return 1;
}

/*** The file name that is sent.
@param name string; false: none; nil: that of the file
@return self
@see curl_mime_filename(3) */
static int part_filename(lua_State *L)
{
  return set_by_method(L, set_filename);
}

/*** The content type.
@param type string; nil: as libcurl decides
@return self
@see curl_mime_type(3) */
static int part_type_method(lua_State *L)
{
  return set_by_method(L, set_type);
}

/*** The transfer encoding.
@param name "binary" "8bit" "7bit" "base64" "quoted-printable"; nil: none
@return self
@see curl_mime_encoder(3) */
static int part_encoder(lua_State *L)
{
  return set_by_method(L, set_encoder);
}

/*** Headers of its own.
@param list strings such as "X-Name: value"; nil: none
@return self
@see curl_mime_headers(3) */
static int part_headers(lua_State *L)
{
  return set_by_method(L, set_headers);
}

/*** The content: parts. The mime belongs to this part from now on: no easy and
no other part can have it.
@param mime core.Mime, or a list of parts as for core.mime; nil: none
@return self
@raise when it is part of another mime, or would be of itself
@see curl_mime_subparts(3) */
static int part_subparts(lua_State *L)
{
  return set_by_method(L, set_subparts);
}

/* ---- Mimes ---- */

static int push_mime(lua_State *L, int depth)
{
  Mime *mime;
  if (depth > MAX_DEPTH)
    luaL_error(L, "mime part 'subparts': the tables are nested too deeply");
  mime = compat_newuserdata(L, sizeof *mime);
  mime->closed = false;
  mime->depth = depth;
  luaL_setmetatable(L, mime_type);
  lua_newtable(L);
  compat_setuservalue(L, -2);
  return lua_gettop(L);
}

/*** Adds a part.
@param fields optional table: name, data, file, filename, type, encoder,
headers, subparts, and read, seek, size
@return core.MimePart
@see curl_mime_addpart(3) */
static int mime_addpart(lua_State *L)
{
  int part;
  (void)mime_check(L, 1);
  lua_settop(L, 2);
  if (!lua_isnil(L, 2))
    luaL_checktype(L, 2, LUA_TTABLE);
  part = push_part(L, 1);
  if (lua_istable(L, 2))
    fill_part(L, part, 2);
  lua_settop(L, part - 1);
  return 1;
}

/*** Ends the use of this object. May be called again. Easies that were given
the mime keep what they have.
@see curl_mime_free(3) */
static int mime_close(lua_State *L)
{
  Mime *mime = compat_checkudata(L, 1, mime_type);
  mime->closed = true;
  return 0;
}

static int mime_tostring(lua_State *L)
{
  Mime *mime = compat_checkudata(L, 1, mime_type);
  compat_getuservalue(L, 1);
  if (mime->closed)
    lua_pushstring(L, "multisock.mime (closed)");
  else
    lua_pushfstring(L, "multisock.mime (%d parts) %p",
                    (int)lua_rawlen(L, -1), (void *)mime);
  return 1;
}

static int part_tostring(lua_State *L)
{
  lua_pushfstring(L, "multisock.mimepart %p",
                  compat_checkudata(L, 1, part_type));
  return 1;
}

/*** Makes a multipart body.
@param easy optional core.Easy, as libcurl has it: not needed, any easy can be
given the mime
@param parts optional list of tables as for addpart
@return core.Mime
@see curl_mime_init(3) */
int mime_new(lua_State *L)
{
  int mime;
  if (lua_isuserdata(L, 1)) {
    (void)easy_check(L, 1);
    lua_remove(L, 1);
  }
  else if (lua_isnil(L, 1))
    lua_remove(L, 1);
  lua_settop(L, 1);
  if (!lua_isnil(L, 1))
    luaL_checktype(L, 1, LUA_TTABLE);
  mime = push_mime(L, 1);
  if (lua_istable(L, 1))
    add_parts(L, mime, 1);
  return 1;
}

static const luaL_Reg mime_methods[] = {
  { "addpart", mime_addpart },     { "close", mime_close },
  { NULL, NULL }
};

static const luaL_Reg mime_metamethods[] = {
  { "__close", mime_close },       { "__tostring", mime_tostring },
  { NULL, NULL }
};

static const luaL_Reg part_methods[] = {
  { "name", part_name },           { "data", part_data },
  { "filedata", part_filedata },   { "data_cb", part_data_cb },
  { "filename", part_filename },   { "type", part_type_method },
  { "encoder", part_encoder },     { "headers", part_headers },
  { "subparts", part_subparts },   { NULL, NULL }
};

static const luaL_Reg part_metamethods[] = {
  { "__tostring", part_tostring }, { NULL, NULL }
};

void mime_open(lua_State *L)
{
  compat_opentype(L, mime_type, mime_metamethods, mime_methods);
  compat_opentype(L, part_type, part_metamethods, part_methods);
}
