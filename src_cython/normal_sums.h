/* Sums over a mixture of normal distributions: both tails, the density and its derivatives at one x.
 *
 * A tail beyond z >= 0 is the density there times Mills' ratio R(z), which is smooth: (z + 4.5) R(z)
 * is a polynomial of degree 24 in (z - 4.5) / (z + 4.5), Chebyshev's expansion with coefficients by
 * 60-digit arithmetic (the map is Shepherd and Laframboise's, Math. Comp. 36, 1981). So a tail keeps
 * its relative accuracy however small it is, and there is no branch: eight components go through at
 * once. Relative error of a tail: 4 ulps of R and (1 + z^2) / 2 ulps of the exponential, whose
 * argument is rounded.
 */
#include <math.h>
#include <stddef.h>

#include "exp_negative.h"
#include "instruction_sets.h"

#define INV_SQRT_TWO_PI 0.398942280401432677939946

/* Mills' ratio: the tail beyond z >= 0 over the density there. */
static inline double mills_ratio(double z)
{
    const double d = 1.0 / (z + 4.5), t = (z - 4.5) * d, s = t * t;
    double even = -4.667845887893746e-10, odd = 2.4580958532929963e-10;
    even = even * s + 5.417690627712938e-09;
    odd = odd * s - 7.460702913734561e-10;
    even = even * s - 3.5554665743335785e-08;
    odd = odd * s - 1.1934565233388321e-08;
    even = even * s + 1.8805942591256064e-07;
    odd = odd * s + 1.6053275103821915e-07;
    even = even * s - 9.61266759717233e-07;
    odd = odd * s - 1.2581961162013746e-06;
    even = even * s + 5.377587637560456e-06;
    odd = odd * s + 7.998688074858116e-06;
    even = even * s - 3.5686459891778214e-05;
    odd = odd * s - 3.993893182964579e-05;
    even = even * s + 0.00028084994938006345;
    odd = odd * s + 1.599528939338186e-05;
    even = even * s - 0.002300449406542663;
    odd = odd * s + 0.004383668136013047;
    even = even * s + 0.010587028725654708;
    odd = odd * s - 0.08490282389410506;
    even = even * s + 0.27919476586449943;
    odd = odd * s - 0.6345323932481048;
    even = even * s + 1.1190905025319455;
    odd = odd * s - 1.6048882049011262;
    even = even * s + 1.9131352239782862;
    return (even + t * odd) * d;
}

/* At x: lower tail, upper tail, density and the density's three derivatives. The number of components
 * is a multiple of LANES (pad with weight 0 and precision 1); precision is 1 / sd. */
#define SUMS 6

EACH_INSTRUCTION_SET
static void mixture_sums(size_t components, const double *weight, const double *mean,
                         const double *precision, double x, double *sums)
{
    double part[SUMS][LANES];
    for (int i = 0; i < SUMS; i++)
        for (int k = 0; k < LANES; k++)
            part[i][k] = 0.0;
    for (size_t j = 0; j < components; j += LANES) {
        for (int k = 0; k < LANES; k++) {
            const double w = weight[j + k], h = precision[j + k];
            const double scaled = (x - mean[j + k]) * h;
            const double z = scaled > 1e50 ? 1e50 : scaled < -1e50 ? -1e50 : scaled, s = z * z;
            const double height = INV_SQRT_TWO_PI * exp_negative(-0.5 * s);
            const double far = height * mills_ratio(fabs(z)), near = 1.0 - far;
            const double density = w * height * h, slope = density * (z * h), h2 = h * h;
            part[0][k] += w * (z > 0.0 ? near : far);
            part[1][k] += w * (z > 0.0 ? far : near);
            part[2][k] += density;
            part[3][k] -= slope;
            part[4][k] += density * ((s - 1.0) * h2);
            part[5][k] += slope * ((3.0 - s) * h2);
        }
    }
    for (int i = 0; i < SUMS; i++) {
        sums[i] = 0.0;
        for (int k = 0; k < LANES; k++)
            sums[i] += part[i][k];
    }
}

/* Ends between which all but nothing of a mixture lies: 40 sds about every component's mean. Third,
 * the least sd. */
EACH_INSTRUCTION_SET
static void mixture_ends(size_t components, const double *mean, const double *sd, double *ends)
{
    double low[LANES], high[LANES], least[LANES];
    for (int k = 0; k < LANES; k++) {
        low[k] = least[k] = INFINITY;
        high[k] = -INFINITY;
    }
    for (size_t j = 0; j < components; j += LANES) {
        for (int k = 0; k < LANES; k++) {
            const double reach = 40.0 * sd[j + k];
            const double below = mean[j + k] - reach, above = mean[j + k] + reach;
            low[k] = below < low[k] ? below : low[k];
            high[k] = above > high[k] ? above : high[k];
            least[k] = sd[j + k] < least[k] ? sd[j + k] : least[k];
        }
    }
    ends[0] = low[0];
    ends[1] = high[0];
    ends[2] = least[0];
    for (int k = 1; k < LANES; k++) {
        ends[0] = low[k] < ends[0] ? low[k] : ends[0];
        ends[1] = high[k] > ends[1] ? high[k] : ends[1];
        ends[2] = least[k] < ends[2] ? least[k] : ends[2];
    }
}
