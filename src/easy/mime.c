/* core.mime: the description of a multipart body. Parts and their fields are
   Lua values in the user values of mimes and parts; everything is checked
   when it is set, so that building the body can fail only where the outside
   world does. */
#include "mime_private.h"

static const char mime_type[] = "multisock.mime";
const char mime_part_type[] = "multisock.mimepart";

/* Deeper than any mail. A table that holds itself would never end. */
#define MAX_DEPTH 32

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

/* ---- Parts ---- */

/* Pushes a new part of the mime at `mime`, then its values; returns the index
   of the values. */
static int push_part(lua_State *L, int mime)
{
  (void)compat_newuserdata(L, 1);
  luaL_setmetatable(L, mime_part_type);
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

/* Fills a part from the table at `table`. */
static void fill_part(lua_State *L, int part, int table)
{
  const char *content = NULL;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    int key = lua_gettop(L) - 1;
    const char *name = mime_set_field(L, part, table, key);
    if (name != NULL && content != NULL)
      luaL_error(L, "mime part: '%s' and '%s' exclude each other", content,
                 name);
    if (name != NULL)
      content = name;
    lua_settop(L, key);
  }
}

void mime_add_parts(lua_State *L, int mime, int list)
{
  lua_Integer i, count = (lua_Integer)lua_rawlen(L, list);
  luaL_checkstack(L, 20, "mime parts are nested too deeply");
  for (i = 1; i <= count; i++) {
    int top = lua_gettop(L), part;
    if (lua_rawgeti(L, list, i) != LUA_TTABLE)
      luaL_error(L, "mime part " INTEGER ": table expected, got %s",
                 INTEGER_VALUE(i), luaL_typename(L, -1));
    part = push_part(L, mime);
    fill_part(L, part, top + 1);
    lua_settop(L, top);
  }
}

/* ---- Mimes ---- */

int mime_push_mime(lua_State *L, int depth)
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
@param fields? table: name, data, file, filename, type, encoder,
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
    lua_pushfstring(L, "multisock.mime (%d parts) %p", (int)lua_rawlen(L, -1),
                    (void *)mime);
  return 1;
}

/*** Makes a multipart body.
@param easy? core.Easy, as libcurl has it: not needed, any easy can be given the
mime
@param parts? list of tables as for addpart
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
  mime = mime_push_mime(L, 1);
  if (lua_istable(L, 1))
    mime_add_parts(L, mime, 1);
  return 1;
}

static const luaL_Reg mime_methods[] = {
  { "addpart", mime_addpart },
  { "close", mime_close },
  { NULL, NULL },
};

static const luaL_Reg mime_metamethods[] = {
  { "__close", mime_close },
  { "__tostring", mime_tostring },
  { NULL, NULL },
};

void mime_open(lua_State *L)
{
  compat_opentype(L, mime_type, mime_metamethods, mime_methods);
  compat_opentype(L, mime_part_type, mime_part_metamethods, mime_part_methods);
}
