/* The parts of owner.h that are not run for every request. */
#include "owner.h"

#include <stdlib.h>

void owner_raise(lua_State *L, int idx, const Owner *owner)
{
  luaL_argerror(L, idx,
                owner->self != owner
                    ? "the handle is of another Lua state: handles "
                      "cannot be copied"
                    : "the handle was made before fork() and belongs to "
                      "the parent process; a child needs a Lua state of "
                      "its own");
}

void *box_new(lua_State *L)
{
  Box *box = compat_newuserdata(L, sizeof *box);
  box->object = NULL;
  owner_init(&box->owner);
  return box;
}

/* Handles of the parent process that were collected here. */
typedef struct Abandoned {
  struct Abandoned *next;
  void *object;
} Abandoned;

static Abandoned *abandoned;

void box_abandon(Box *box)
{
  Abandoned *entry;
  if (box->object == NULL || box->owner.self != &box->owner)
    return;
  entry = malloc(sizeof *entry);
  if (entry != NULL) {
    entry->object = box->object;
    entry->next = __atomic_load_n(&abandoned, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&abandoned, &entry->next, entry, false,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED))
      ;
  }
  box->object = NULL;
}

void *box_describe(lua_State *L, const char *type)
{
  Box *box = compat_checkudata(L, 1, type);
  if (!box_is_here(box))
    lua_pushfstring(L, "%s (of another %s)", type,
                    box->owner.self != &box->owner ? "Lua state" : "process");
  else if (box->object == NULL)
    lua_pushfstring(L, "%s (closed)", type);
  else
    return box;
  return NULL;
}
