/* See folder.h. What Lua's own library has not: used by lua/multisock/cache/,
   and by request/trust.lua. */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fields.h"

static int fail(lua_State *L, const char *message)
{
  lua_pushnil(L);
  lua_pushstring(L, message);
  return 2;
}

/*** Makes a folder that the user alone may look into, unless it is there. One that
others may write to, or that is somebody else's, is refused.
@param path string
@return true; or nil, message
@local */
int folder_make(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  struct stat status;
  if (mkdir(path, 0700) != 0 && errno != EEXIST)
    return fail(L, strerror(errno));
  if (stat(path, &status) != 0)
    return fail(L, strerror(errno));
  if (!S_ISDIR(status.st_mode))
    return fail(L, strerror(ENOTDIR));
  if (status.st_uid != geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)))
    return fail(L, "others may write to this folder");
  lua_pushboolean(L, 1);
  return 1;
}

/* Many are written in one second. */
static lua_Number changed_at(const struct stat *status)
{
#ifdef __APPLE__
  const struct timespec *time = &status->st_mtimespec;
#else
  const struct timespec *time = &status->st_mtim;
#endif
  return (lua_Number)time->tv_sec + (lua_Number)time->tv_nsec / 1e9;
}

static void push_folder(lua_State *L, DIR *folder, const char *prefix,
                        bool with_status)
{
  size_t length = strlen(prefix);
  lua_Integer count = 0;
  const struct dirent *entry;
  lua_newtable(L);
  while ((entry = readdir(folder)) != NULL) {
    struct stat status;
    if (strncmp(entry->d_name, prefix, length) != 0)
      continue;
    if (!with_status) {
      lua_pushstring(L, entry->d_name);
    }
    else if (fstatat(dirfd(folder), entry->d_name, &status,
                     AT_SYMLINK_NOFOLLOW) == 0 &&
             S_ISREG(status.st_mode)) {
      lua_createtable(L, 0, 3);
      field_string(L, "name", entry->d_name);
      field_integer(L, "size", status.st_size);
      lua_pushnumber(L, changed_at(&status));
      lua_setfield(L, -2, "time");
    }
    else {
      continue;
    }
    lua_rawseti(L, -2, ++count);
  }
}

/* The folder is at index 1 of the caller as a light userdata, so that an error of
   Lua's (memory) leaves none open. */
static int list_protected(lua_State *L)
{
  push_folder(L, lua_touserdata(L, 1), lua_tostring(L, 2), lua_toboolean(L, 3));
  return 1;
}

/*** What is in a folder.
@param path string
@param prefix string: of the names
@param with_status? boolean: the files alone, as {name=, size=, time=}, when each was
written or touched
@return list of names, or of these; or nil, message
@local */
int folder_list(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1), *prefix = luaL_checkstring(L, 2);
  DIR *folder;
  int status;
  lua_settop(L, 3);
  folder = opendir(path);
  if (folder == NULL)
    return fail(L, strerror(errno));
  lua_pushcfunction(L, list_protected);
  lua_pushlightuserdata(L, folder);
  lua_pushstring(L, prefix);
  lua_pushvalue(L, 3);
  status = lua_pcall(L, 3, 1, 0);
  (void)closedir(folder);
  return status == 0 ? 1 : lua_error(L);
}

/*** Marks a file as used now.
@param path string
@return boolean: whether it is there
@local */
int folder_touch(lua_State *L)
{
  lua_pushboolean(L, utimensat(AT_FDCWD, luaL_checkstring(L, 1), NULL,
                               AT_SYMLINK_NOFOLLOW) == 0);
  return 1;
}

/*** How large a file is. It is not opened: to open a pipe may wait for ever.
@param path string
@return integer: bytes; nil when no file is there, or something else
@local */
int folder_file_size(lua_State *L)
{
  struct stat status;
  if (stat(luaL_checkstring(L, 1), &status) != 0 || !S_ISREG(status.st_mode))
    lua_pushnil(L);
  else
    lua_pushinteger(L, (lua_Integer)status.st_size);
  return 1;
}
