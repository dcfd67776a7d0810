/* How two arms' logits lie, and what an integral over both says (two_risks.h). */
#ifndef PYHIER_TWO_RISKS_LAW_H
#define PYHIER_TWO_RISKS_LAW_H

#include <math.h>

#include "normal_effects.h"

#define HALF_LOG_2PI 0.918938533204672741780329736406
#define OUTER_CUT 36.0       /* logs below the highest at which the integrand is left out */
#define OUTER_STEP 0.535     /* in sds */
#define BENT_STEP 0.25       /* in units of asinh */
#define OUTER_LEVELS 7       /* halvings at most */
#define BENT_IF 1.0          /* sds from which steps are bent */
#define BENT_AT_ONCE 1e-6    /* of a halving of those: what is left is less than the square */
#define MODE_STEPS 200
#define MOST_SPREAD 40.0      /* log sds beyond which powers go on as they are there */
#define NEAR_MODE 1e-10      /* half of it is what the log is below its mode */
#define LINES 11             /* sums over the outer line */

/* How the logits lie: which arm is the outer one, both means, and what they share. */
typedef struct arms_law {
    int outer;
    double own, other;         /* c of the outer arm and of the inner one */
    double mean_outer, mean_inner;
    double b, less;            /* the slope of the inner logit by the outer one; that less one */
    double log_v, log_s;       /* sds of w and of r */
    double by_v2, by_s2;       /* their inverse squares */
    double of_sigma, of_tau;   /* the shares of the outer logit's variance */
} arms_law;

static double held(double log_sd)
{
    return log_sd < LEAST_LOG_TAU ? LEAST_LOG_TAU : log_sd > MOST_SPREAD ? MOST_SPREAD : log_sd;
}

/* x: mu, log tau, alpha, log sigma. first: c of the first arm, which is one more than the other's. */
static arms_law arms_law_of(int outer, double first, const double *x)
{
    arms_law f;
    const double log_tau = held(x[1]), log_sigma = held(x[3]);
    f.outer = outer;
    f.own = outer == 0 ? first : first - 1.0;
    f.other = outer == 0 ? first - 1.0 : first;
    f.mean_outer = x[2] + f.own * x[0];
    f.mean_inner = x[2] + f.other * x[0];
    if (f.own == 0.0) {
        f.log_v = log_sigma;
        f.of_sigma = 1.0;
        f.of_tau = f.less = 0.0;
    }
    else {
        const double part = log_tau + log(fabs(f.own)), apart = part - log_sigma;
        f.log_v = (apart > 0.0 ? part : log_sigma) + 0.5 * log1p(exp(-2.0 * fabs(apart)));
        f.of_sigma = 1.0 / (1.0 + exp(2.0 * apart));
        f.of_tau = 1.0 / (1.0 + exp(-2.0 * apart));
        f.less = f.of_tau * (f.other / f.own - 1.0);
    }
    f.b = f.own == 0.0 ? 1.0 : f.of_sigma + f.of_tau * f.other / f.own;
    f.log_s = log_sigma + log_tau - f.log_v;
    f.by_v2 = exp(-2.0 * f.log_v);
    f.by_s2 = exp(-2.0 * f.log_s);
    return f;
}

/* What the integral says: its log; moments of w and r; means of slopes. */
typedef struct arms_found {
    double log_integral;
    double w, r, var_w, cov, var_r;
    double inner, inner_w;     /* of the inner arm's slope by its mean, and of that times w */
    double log_s;              /* of the slope by log s */
    double outer, log_v;       /* of the slopes by the outer mean and log v */
} arms_found;

/* The slope of a count's log likelihood, and its curvature. */
static double arm_slope(const count *g, double t, double *bend)
{
    const double slope = count_slope(g, t, bend);
    return g->y > 0.0 && g->y < g->size && fabs(t - g->hat) < 1.0 ? slope_near(g, t - g->hat) : slope;
}

/* Derivatives and moments by the sums over the outer line; each slope by the law or by the
 * likelihood, whichever says more. */
static void by_sums(const arms_law *f, double mode_w, double bend, const double *mean,
                    arms_found *found)
{
    const double square = mode_w * mode_w + 2.0 * mode_w * mean[1] + mean[2];
    const int narrow = bend < f->by_v2;
    found->w = mode_w + mean[1];
    found->r = mean[3];
    found->var_w = mean[2] - mean[1] * mean[1];
    found->cov = mean[4] - mean[1] * mean[3];
    found->var_r = mean[5] - mean[3] * mean[3];
    found->inner = mean[6];
    found->inner_w = mean[7];
    found->log_s = mean[8];
    found->outer = narrow ? mean[9] : found->w * f->by_v2 - f->b * mean[6];
    found->log_v = narrow ? mean[10] + f->b * mean[7] : square * f->by_v2 - 1.0;
}

#endif
