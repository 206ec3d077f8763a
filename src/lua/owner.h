/* Whose a userdata is. A handle is used in the Lua state that made it, and in
   the process that made it. Some libraries copy userdata, byte by byte, to
   another state (luv's threads): such a copy does not stand where the original
   stood. It may not even be looked into: the original may be gone. */
#pragma once

#include "compat.h"
#include "process.h"

typedef struct Owner {
  const void *self; /* where it was made */
  unsigned forks;   /* process_forks, when it was made */
} Owner;

/* What the userdata of a handle holds; code that knows the type of the object
   sees it as a pointer to a pointer, which is NULL once it is closed. */
typedef struct Box {
  void *object;
  Owner owner;
} Box;

static inline void owner_init(Owner *owner)
{
  owner->self = owner;
  owner->forks = process_forks;
}

static inline bool owner_is_here(const Owner *owner)
{
  return owner->self == owner && owner->forks == process_forks;
}

/* Raises: the argument at `idx` cannot be used here. */
void owner_raise(lua_State *L, int idx, const Owner *owner);

static inline void owner_check(lua_State *L, int idx, const Owner *owner)
{
  if (!owner_is_here(owner))
    owner_raise(L, idx, owner);
}

/* Pushes a new userdata that holds nothing yet. */
void *box_new(lua_State *L);

static inline bool box_is_here(const void *box)
{
  return owner_is_here(&((const Box *)box)->owner);
}

/* The box at `idx`; raises when it is of another type, state or process. */
static inline void *box_check(lua_State *L, int idx, const char *type)
{
  Box *box = compat_checkudata(L, idx, type);
  owner_check(L, idx, &box->owner);
  return box;
}

/* Keeps what belongs to the parent process reachable, for tools that look for
   lost memory. */
void box_abandon(Box *box);

/* For finalizers and `close`: the box at 1, or NULL when there is nothing to
   be freed here. What belongs to another process is left to that one. */
static inline void *box_collect(lua_State *L, const char *type)
{
  Box *box = compat_checkudata(L, 1, type);
  if (box->object != NULL && box_is_here(box))
    return box;
  box_abandon(box);
  return NULL;
}

/* For __tostring: pushes "TYPE (why)" when the box at 1 is closed or cannot be
   used here, and returns NULL. */
void *box_describe(lua_State *L, const char *type);
