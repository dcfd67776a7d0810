/* R functions for Python, and numbers for both.
 *
 * Python calls pyhier_evaluate() deep inside its own frames. A condition in the R function must not
 * jump over them, so the jump is stopped here, Python unwinds by an exception of its own, and
 * C_go_on() lets the jump go on from R, to wherever it was bound: a tryCatch() of the user's, the
 * top level after an error or Ctrl-C ("Writing R Extensions", section 6.12).
 *
 * A sampler of Python's draws from a Mersenne Twister of Python's. While the R function runs, R's
 * .Random.seed is where that one stands, and where R leaves it Python goes on: as if the sampler were
 * written in R.
 */

#define R_NO_REMAP
#include <R.h>
#include <Rinternals.h>
#include <R_ext/Rdynload.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DONE = 0, STOPPED = 1, NO_NUMBER = 2, OTHER_KIND = 3 };

/* NumPy's Mersenne Twister, and the layout of R's: its kinds, the position, the words. */
enum { WORDS = 624, SEED = WORDS + 2, DEFAULT_KINDS = 10403 };
struct twister {
    uint32_t key[WORDS];
    int position;
};

static SEXP jump;       /* where the R condition was bound */
static int jump_waits;  /* whether one was stopped here, and not yet let go on */
static SEXP seed_name;  /* .Random.seed */

struct evaluation {
    SEXP function;
    int n;
    const double *x;
    struct twister *stream;  /* or NULL: R's own stream is left alone */
    double value;
    int status;
};

/* R's seed, where it is one of a Mersenne Twister with normals by inversion; or NULL. */
static int *twister_seed(SEXP seed)
{
    if (TYPEOF(seed) != INTSXP || XLENGTH(seed) != SEED)
        return NULL;
    return INTEGER(seed)[0] % 10000 == DEFAULT_KINDS % 10000 ? INTEGER(seed) : NULL;
}

/* Make R's stream stand where this one does. */
static SEXP lend(const struct twister *stream)
{
    const int *before = twister_seed(Rf_findVarInFrame(R_GlobalEnv, seed_name));
    SEXP seed = PROTECT(Rf_allocVector(INTSXP, SEED));
    INTEGER(seed)[0] = before == NULL ? DEFAULT_KINDS : before[0];
    INTEGER(seed)[1] = stream->position;
    memcpy(INTEGER(seed) + 2, stream->key, sizeof stream->key);
    Rf_defineVar(seed_name, seed, R_GlobalEnv);
    UNPROTECT(1);
    return seed;
}

/* Make the stream stand where R's does; false where R's is of another kind by now. */
static int take_back(struct twister *stream, SEXP lent)
{
    SEXP now = Rf_findVarInFrame(R_GlobalEnv, seed_name);
    if (now == lent) /* nothing was drawn */
        return 1;
    const int *seed = twister_seed(now);
    if (seed == NULL)
        return 0;
    stream->position = seed[1];
    memcpy(stream->key, seed + 2, sizeof stream->key);
    return 1;
}

static SEXP evaluate(void *data)
{
    struct evaluation *e = data;
    /* A new vector each time: the function may keep it. */
    SEXP x = PROTECT(Rf_allocVector(REALSXP, e->n));
    memcpy(REAL(x), e->x, (size_t) e->n * sizeof(double));
    SEXP call = PROTECT(Rf_lang2(e->function, x));
    SEXP lent = PROTECT(e->stream == NULL ? R_NilValue : lend(e->stream));
    SEXP value = PROTECT(Rf_eval(call, R_GlobalEnv));
    int numeric = TYPEOF(value) == REALSXP || TYPEOF(value) == INTSXP || TYPEOF(value) == LGLSXP;
    e->status = numeric && XLENGTH(value) == 1 ? DONE : NO_NUMBER;
    if (e->status == DONE)
        e->value = Rf_asReal(value);
    if (e->stream != NULL && !take_back(e->stream, lent))
        e->status = OTHER_KIND;
    UNPROTECT(4);
    return R_NilValue;
}

static void stop_jump(void *buffer, Rboolean jumps)
{
    if (jumps)
        longjmp(*(jmp_buf *) buffer, 1);
}

int pyhier_evaluate(void *function, int n, const double *x, double *value, void *stream)
{
    struct evaluation e = {function, n, x, stream, R_NaReal, STOPPED};
    jmp_buf buffer;
    if (setjmp(buffer)) {
        jump_waits = 1;
        if (stream != NULL)
            take_back(stream, R_NilValue);
        return STOPPED;
    }
    R_UnwindProtect(evaluate, &e, stop_jump, &buffer, jump);
    *value = e.value;
    return e.status;
}

static SEXP hexadecimal(const void *address)
{
    char text[2 + 2 * sizeof(uintptr_t) + 1];
    snprintf(text, sizeof text, "0x%" PRIxPTR, (uintptr_t) address);
    return Rf_mkString(text);
}

/* The address of pyhier_evaluate(). */
static SEXP C_evaluate(void)
{
    return hexadecimal((const void *) (uintptr_t) pyhier_evaluate);
}

/* The address of a function. R's objects stay where they are; the caller keeps it alive. */
static SEXP C_function(SEXP function)
{
    return hexadecimal(function);
}

/* The address of a double vector's numbers. */
static SEXP C_numbers(SEXP x)
{
    return hexadecimal(REAL(x));
}

/* Make R's stream stand at this .Random.seed. Without the second line reticulate, whose every call
 * ends with PutRNGstate(), would put back what R had last drawn from. */
static SEXP C_seed(SEXP seed)
{
    Rf_defineVar(seed_name, seed, R_GlobalEnv);
    GetRNGstate();
    return R_NilValue;
}

/* An R array of numbers that are at an address of Python's, `stride` doubles apart along each
 * dimension. A block of the first dimension is read for all others before the next one, so that
 * Python's row order and R's column order meet in the cache. */
static SEXP C_copy(SEXP address, SEXP dim, SEXP stride)
{
    enum { BLOCK = 4096 };
    const double *from = (const double *) (uintptr_t) strtoull(CHAR(Rf_asChar(address)), NULL, 16);
    const double *extent = REAL(dim), *step = REAL(stride);
    int dims = Rf_length(dim);
    R_xlen_t first = (R_xlen_t) extent[0], others = 1;
    for (int k = 1; k < dims; k++)
        others *= (R_xlen_t) extent[k];
    SEXP value = PROTECT(Rf_allocVector(REALSXP, first * others));
    double *to = REAL(value);
    R_xlen_t along = (R_xlen_t) step[0];
    for (R_xlen_t begin = 0; begin < first; begin += BLOCK) {
        R_xlen_t end = begin + BLOCK < first ? begin + BLOCK : first;
        for (R_xlen_t other = 0; other < others; other++) {
            const double *line = from;
            R_xlen_t rest = other;
            for (int k = 1; k < dims; k++) {
                line += rest % (R_xlen_t) extent[k] * (R_xlen_t) step[k];
                rest /= (R_xlen_t) extent[k];
            }
            for (R_xlen_t i = begin; i < end; i++)
                to[other * first + i] = line[i * along];
        }
    }
    if (dims > 1) {
        SEXP shape = PROTECT(Rf_coerceVector(dim, INTSXP));
        Rf_setAttrib(value, R_DimSymbol, shape);
        UNPROTECT(1);
    }
    UNPROTECT(1);
    return value;
}

/* What the 64 bits of each of an integer64's doubles count, as doubles. */
static SEXP C_integer64(SEXP bits)
{
    R_xlen_t n = XLENGTH(bits);
    SEXP value = PROTECT(Rf_allocVector(REALSXP, n));
    for (R_xlen_t i = 0; i < n; i++) {
        int64_t whole;
        memcpy(&whole, REAL(bits) + i, sizeof whole);
        REAL(value)[i] = whole == INT64_MIN ? R_NaReal : (double) whole;
    }
    UNPROTECT(1);
    return value;
}

/* Let a jump that was stopped go on; return when there is none. */
static SEXP C_go_on(void)
{
    if (jump_waits) {
        jump_waits = 0;
        R_ContinueUnwind(jump);
    }
    return R_NilValue;
}

/* Who handles Ctrl-C, and handing it back: during a call it is Python alone. */
static SEXP C_interrupts(SEXP before)
{
#ifdef _WIN32
    return R_NilValue;
#else
    struct sigaction action;
    if (before != R_NilValue) {
        memcpy(&action, RAW(before), sizeof action);
        sigaction(SIGINT, &action, NULL);
        return R_NilValue;
    }
    sigaction(SIGINT, NULL, &action);
    SEXP now = PROTECT(Rf_allocVector(RAWSXP, sizeof action));
    memcpy(RAW(now), &action, sizeof action);
    UNPROTECT(1);
    return now;
#endif
}

static const R_CallMethodDef calls[] = {
    {"C_evaluate", (DL_FUNC) &C_evaluate, 0},
    {"C_function", (DL_FUNC) &C_function, 1},
    {"C_numbers", (DL_FUNC) &C_numbers, 1},
    {"C_copy", (DL_FUNC) &C_copy, 3},
    {"C_integer64", (DL_FUNC) &C_integer64, 1},
    {"C_seed", (DL_FUNC) &C_seed, 1},
    {"C_interrupts", (DL_FUNC) &C_interrupts, 1},
    {"C_go_on", (DL_FUNC) &C_go_on, 0},
    {NULL, NULL, 0}
};

void R_init_pyhier(DllInfo *info)
{
    R_registerRoutines(info, NULL, calls, NULL, NULL);
    R_useDynamicSymbols(info, FALSE);
    R_forceSymbols(info, TRUE);
    seed_name = Rf_install(".Random.seed");
    jump = R_MakeUnwindCont();
    R_PreserveObject(jump);
}
