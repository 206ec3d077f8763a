/* See public_suffix.h. libpsl is no dependency of ours: its functions are weak,
   and found where the libcurl that runs has brought it along. */
#include "public_suffix.h"

#include <stddef.h>
#include <uv.h>

typedef struct psl_ctx_st psl_ctx_t;

extern psl_ctx_t *psl_latest(const char *name) __attribute__((weak));
extern int psl_is_public_suffix(const psl_ctx_t *list, const char *name)
    __attribute__((weak));

/* For all threads, and until the process ends. */
static uv_once_t once = UV_ONCE_INIT;
static const psl_ctx_t *list;

/* The system's list where it is newer than the one built into libpsl, as
   libcurl has it. */
static void load(void)
{
  if (psl_latest != NULL && psl_is_public_suffix != NULL)
    list = psl_latest(NULL);
}

int public_suffix_is(const char *name)
{
  uv_once(&once, load);
  return list != NULL ? psl_is_public_suffix(list, name) : -1;
}
