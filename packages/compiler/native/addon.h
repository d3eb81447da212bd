/*
 * Makes a compiled program a module of Node: `run(scratch, ...arguments)`, all of them typed arrays. A program has no state, so
 * threads may share the module, each with scratch memory of its own.
 */
#include <node_api.h>

#define ARGUMENTS (sizeof argument_bytes / sizeof *argument_bytes)
/* Of scratch memory, which has room for it: vectors are read and written whole. */
#define ALIGNMENT 64

/*
 * How the thread rounds: to nearest, with subnormal numbers, unless another library, loaded into it, has set it otherwise
 * (what is linked with -ffast-math does).
 */
#if defined(__aarch64__)
typedef uint64_t rounding;
#define IEEE_754 0
INLINE rounding set_rounding(rounding mode) {
  rounding before;
  __asm__ volatile("mrs %0, fpcr\n\tmsr fpcr, %1" : "=&r"(before) : "r"(mode) : "memory");
  return before;
}
#else
typedef unsigned rounding;
/* No exception traps. */
#define IEEE_754 0x1f80
INLINE rounding set_rounding(rounding mode) {
  const rounding before = _mm_getcsr();
  _mm_setcsr(mode);
  return before;
}
#endif

/* The data of a typed array of at least so many bytes; NULL, with an exception pending, if the value is none. */
static char *data_of(napi_env env, napi_value value, size_t bytes) {
  static const size_t element_bytes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  napi_typedarray_type type;
  size_t length;
  void *data;
  const napi_status status = napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL);
  if (status == napi_ok && length * element_bytes[type] >= bytes) return data;
  napi_throw_range_error(env, NULL, "run takes the scratch memory and the arguments of its program, all typed arrays");
  return NULL;
}

static napi_value run(napi_env env, napi_callback_info info) {
  napi_value values[1 + ARGUMENTS];
  size_t count = 1 + ARGUMENTS;
  void *arguments[ARGUMENTS];
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok) return NULL;
  char *scratch = data_of(env, values[0], scratch_bytes);
  if (scratch == NULL) return NULL;
  for (size_t i = 0; i < ARGUMENTS; i++) {
    arguments[i] = data_of(env, values[1 + i], argument_bytes[i]);
    if (arguments[i] == NULL) return NULL;
  }
  const rounding before = set_rounding(IEEE_754);
  compute(scratch + ALIGNMENT - (uintptr_t)scratch % ALIGNMENT, arguments);
  set_rounding(before);
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_value function;
  if (napi_create_function(env, "run", NAPI_AUTO_LENGTH, run, NULL, &function) != napi_ok) return NULL;
  return napi_set_named_property(env, exports, "run", function) == napi_ok ? exports : NULL;
}
