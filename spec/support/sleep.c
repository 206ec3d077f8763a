/* Preloaded: the clocks say that the system has slept, or that it is later on
   the wall, as many seconds as stand in the file named by SLEPT and LATER. For
   silent_spec.lua. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long seconds_in(const char *variable)
{
  const char *name = getenv(variable);
  FILE *file = name != NULL ? fopen(name, "r") : NULL;
  long seconds = 0;
  if (file == NULL)
    return 0;
  if (fscanf(file, "%ld", &seconds) != 1)
    seconds = 0;
  fclose(file);
  return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
  static int (*real)(clockid_t, struct timespec *);
  int status;
  if (real == NULL)
    *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
  status = real(clock, now);
  if (clock == CLOCK_BOOTTIME)
    now->tv_sec += seconds_in("SLEPT");
  return status;
}

time_t time(time_t *at)
{
  struct timespec now;
  time_t seconds;
  clock_gettime(CLOCK_REALTIME, &now);
  seconds = now.tv_sec + seconds_in("LATER");
  if (at != NULL)
    *at = seconds;
  return seconds;
}
