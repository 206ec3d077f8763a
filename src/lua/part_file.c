/* core.part_file: the file that a download writes. Lua's own files can neither
   be kept from others, nor be written to the disk for sure, nor say which error
   came of a write that was put off. Used by lua/multisock/download/. */
#include "part_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "owner.h"
#include "replacement.h"

static const char part_type[] = "multisock.part_file";

/* What one call reads at most. */
#define MOST (256 * 1024)

/* How often a path is opened that others rename or remove meanwhile. */
#define OPEN_TRIES 10

typedef struct PartFile {
  Owner owner;
  int fd; /* -1: closed */
} PartFile;

static PartFile *part_check(lua_State *L)
{
  PartFile *part = compat_checkudata(L, 1, part_type);
  owner_check(L, 1, &part->owner);
  luaL_argcheck(L, part->fd >= 0, 1, "the file is closed");
  return part;
}

static int fail(lua_State *L, const char *message)
{
  lua_pushnil(L);
  lua_pushstring(L, message);
  return 2;
}

static const char not_regular[] = "not a regular file";

/* What replacement.h says of the place that a file is to take. */
static int answer_of_place(lua_State *L, int failed)
{
  if (failed != 0)
    return fail(L, failed == EEXIST ? not_regular : strerror(failed));
  lua_pushboolean(L, 1);
  return 1;
}

static off_t check_offset(lua_State *L, int idx)
{
  lua_Integer at = luaL_checkinteger(L, idx);
  luaL_argcheck(L, at >= 0, idx, "out of range");
  return (off_t)at;
}

static int succeed_or_fail(lua_State *L, int status)
{
  if (status != 0)
    return fail(L, strerror(errno));
  lua_pushboolean(L, 1);
  return 1;
}

/*** Writes bytes at an offset.
@param at integer @param bytes string
@return true; or nil, message
@local */
static int part_write(lua_State *L)
{
  PartFile *part = part_check(L);
  off_t at = check_offset(L, 2);
  size_t size, done = 0;
  const char *bytes = luaL_checklstring(L, 3, &size);
  while (done < size) {
    ssize_t count = pwrite(part->fd, bytes + done, size - done, at);
    if (count > 0) {
      done += (size_t)count;
      at += count;
    }
    else if (count == 0 || errno != EINTR)
      return fail(L, strerror(count == 0 ? EIO : errno));
  }
  lua_pushboolean(L, 1);
  return 1;
}

/*** Reads some bytes at an offset.
@param at integer
@return string: 256 KiB at most, "" at the end; or nil, message
@local */
static int part_read(lua_State *L)
{
  PartFile *part = part_check(L);
  off_t at = check_offset(L, 2);
  luaL_Buffer buffer;
  char *room = luaL_buffinitsize(L, &buffer, MOST);
  ssize_t count;
  do
    count = pread(part->fd, room, MOST, at);
  while (count < 0 && errno == EINTR);
  if (count < 0)
    return fail(L, strerror(errno));
  luaL_pushresultsize(&buffer, (size_t)count);
  return 1;
}

/*** @return integer: its size; or nil, message
@local */
static int part_size(lua_State *L)
{
  struct stat status;
  if (fstat(part_check(L)->fd, &status) != 0)
    return fail(L, strerror(errno));
  lua_pushinteger(L, (lua_Integer)status.st_size);
  return 1;
}

/*** Cuts it to a size.
@param size integer @return true; or nil, message
@local */
static int part_cut(lua_State *L)
{
  PartFile *part = part_check(L);
  return succeed_or_fail(L, ftruncate(part->fd, check_offset(L, 2)));
}

/*** Returns when the disk has all of it.
@return true; or nil, message
@local */
static int part_sync(lua_State *L)
{
  return succeed_or_fail(L, fsync(part_check(L)->fd));
}

/*** Gives it another name, that of the file whose place it takes, and the mode of
that file.
@param from string: its path @param path string: where it is to be
@return true; or nil, message
@local */
static int part_take_place(lua_State *L)
{
  PartFile *part = part_check(L);
  const char *from = luaL_checkstring(L, 2), *path = luaL_checkstring(L, 3);
  return answer_of_place(L, replacement_take_place(part->fd, from, path));
}

/*** Ends the use of this object. May be called again.
@return true; or nil, message when what was written did not arrive
@local */
static int part_close(lua_State *L)
{
  PartFile *part = compat_checkudata(L, 1, part_type);
  int fd = part->fd;
  /* A child process shares the lock: it lets go of its descriptor alone. */
  if (part->owner.self != &part->owner || fd < 0) {
    lua_pushboolean(L, 1);
    return 1;
  }
  part->fd = -1;
  return succeed_or_fail(L, close(fd));
}

/* Whether the path still leads to the file that was opened. */
static bool is_at(int fd, const char *path)
{
  struct stat opened, there;
  return fstat(fd, &opened) == 0 && lstat(path, &there) == 0 &&
         opened.st_dev == there.st_dev && opened.st_ino == there.st_ino;
}

/* Whether this descriptor has the lock now. File systems without locks are used
   without. */
static bool lock(int fd)
{
  return flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

/* Opens a regular file for ourselves: a descriptor; or -1 with the reason. A
   link is removed: it must not lead elsewhere. */
static int open_own(const char *path, const char **message)
{
  int i;
  for (i = 0; i < OPEN_TRIES; i++) {
    struct stat status;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                  0666);
    if (fd < 0 && errno == ELOOP && unlink(path) == 0)
      continue;
    *message = strerror(errno);
    if (fd < 0 && errno != EINTR)
      return -1;
    if (fd < 0)
      continue;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
      *message = not_regular;
    else if (!lock(fd))
      *message = "another download is writing this file";
    else if (is_at(fd, path))
      return fd;
    else {
      (void)close(fd); /* who had the lock has renamed or removed it */
      continue;
    }
    (void)close(fd); /* nothing was written */
    return -1;
  }
  return -1;
}

/*** Opens a file for reading and writing, made when it is not there. Nobody else
who opens it by this function has it meanwhile.
@param path string
@return object; or nil, message
@local */
int part_file_new(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1), *message = "";
  PartFile *part = compat_newuserdata(L, sizeof *part);
  owner_init(&part->owner);
  part->fd = -1;
  luaL_setmetatable(L, part_type);
  part->fd = open_own(path, &message);
  return part->fd < 0 ? fail(L, message) : 1;
}

/*** Whether a download may take this place in the end.
@param path string
@return true; or nil, message
@local */
int part_file_check_place(lua_State *L)
{
  return answer_of_place(L, replacement_check_place(luaL_checkstring(L, 1)));
}

/*** Returns when the disk has the names of a folder.
@param path string
@return true; or nil, message
@local */
int part_file_sync_folder(lua_State *L)
{
  int fd = open(luaL_checkstring(L, 1), O_RDONLY | O_CLOEXEC);
  int status = fd < 0 ? -1 : fsync(fd), error = errno;
  if (fd >= 0)
    (void)close(fd); /* it was only read */
  errno = error;
  return succeed_or_fail(L, status);
}

static int part_tostring(lua_State *L)
{
  PartFile *part = compat_checkudata(L, 1, part_type);
  owner_check(L, 1, &part->owner);
  lua_pushfstring(L, "multisock.part_file (%s)",
                  part->fd < 0 ? "closed" : "open");
  return 1;
}

static const luaL_Reg methods[] = {
  { "write", part_write },
  { "read", part_read },
  { "size", part_size },
  { "cut", part_cut },
  { "sync", part_sync },
  { "close", part_close },
  { "take_place", part_take_place },
  { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
  { "__gc", part_close },
  { "__close", part_close },
  { "__tostring", part_tostring },
  { NULL, NULL },
};

void part_file_open(lua_State *L)
{
  compat_opentype(L, part_type, metamethods, methods);
}
