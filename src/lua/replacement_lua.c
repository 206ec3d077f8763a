/* core.replacement: a file that is whole before anybody sees it. Used by
   response:save, and by lua/multisock/base/replace.lua. */
#include "replacement_lua.h"

#include <string.h>

#include "owner.h"
#include "replacement.h"

static const char replacement_type[] = "multisock.replacement";

typedef struct ReplacementLua {
  Owner owner;
  Replacement file;
} ReplacementLua;

static Replacement *file_check(lua_State *L, int idx)
{
  ReplacementLua *self = compat_checkudata(L, idx, replacement_type);
  owner_check(L, idx, &self->owner);
  luaL_argcheck(L, self->file.fd >= 0, idx, "the file is closed");
  return &self->file;
}

int replacement_lua_fd(lua_State *L, int idx)
{
  return file_check(L, idx)->fd;
}

/* true; or nil and the system's words. */
static int answer(lua_State *L, int failed)
{
  if (failed == 0) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, strerror(failed));
  return 2;
}

/*** Writes bytes to its end.
@param bytes string
@return true; or nil, message
@local */
static int file_write(lua_State *L)
{
  const Replacement *file = file_check(L, 1);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  return answer(L, replacement_write(file, bytes, size));
}

/*** Closes it and gives it its place.
@param sync? boolean: the disk has its bytes then
@return true; or nil, message: then what was there stays
@local */
static int file_publish(lua_State *L)
{
  Replacement *file = file_check(L, 1);
  return answer(L, replacement_publish(file, lua_toboolean(L, 2)));
}

/*** Closes it; unless it was published nothing of it stays. May be called again.
@local */
static int file_close(lua_State *L)
{
  ReplacementLua *self = compat_checkudata(L, 1, replacement_type);
  if (self->owner.self != &self->owner)
    return 0; /* a copy in another state: it is not ours */
  if (owner_is_here(&self->owner))
    replacement_abandon(&self->file);
  else
    replacement_forget(&self->file); /* a child of a fork: it is the parent's */
  return 0;
}

static int file_tostring(lua_State *L)
{
  ReplacementLua *self = compat_checkudata(L, 1, replacement_type);
  owner_check(L, 1, &self->owner);
  lua_pushfstring(L, "multisock.replacement (%s)",
                  self->file.fd < 0 ? "closed" : "open");
  return 1;
}

/*** Begins a file that takes the place of another when it is whole. What is no
regular file, such as a device or a pipe, is written to as it is.
@param path string
@param private? boolean: the user alone may read it, and a link there is replaced; else
it gets the mode of the file that is there, and links are followed
@return object; or nil, message
@local */
int replacement_lua_new(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  bool is_private = lua_toboolean(L, 2);
  ReplacementLua *self = compat_newuserdata(L, sizeof *self);
  int failed;
  owner_init(&self->owner);
  memset(&self->file, 0, sizeof self->file);
  self->file.fd = -1;
  luaL_setmetatable(L, replacement_type);
  failed = replacement_open(&self->file, path, is_private);
  return failed == 0 ? 1 : answer(L, failed);
}

static const luaL_Reg methods[] = {
  { "write", file_write },
  { "publish", file_publish },
  { "close", file_close },
  { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
  { "__gc", file_close },
  { "__close", file_close },
  { "__tostring", file_tostring },
  { NULL, NULL },
};

void replacement_lua_open(lua_State *L)
{
  compat_opentype(L, replacement_type, metamethods, methods);
}
