// One-thread kernels for training on a CPU, on channels-last tensors: a row is a pixel of an image, C channels in a row.
//
// BatchNorm and the activation behind it pass over the feature nine times in a training step, reads and writes, where
// torch's two modules pass over it thirteen times; the depthwise convolution keeps its neighbours in registers.
//
// T is float or bfloat16 (its bits in a uint16_t); sums and weights are float, long sums double. Channels are taken L at
// a time. No channel depends on another, so a width that L does not divide is finished by a last block that overlaps
// the one before and computes its channels again: no tail code, and any C >= 1 has an L.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

// Vectors handed over through memory cost more than the work on them.
#define ALWAYS_INLINE inline __attribute__((always_inline))

namespace {

template <int L> struct Vec {
    typedef float F __attribute__((vector_size(4 * L)));
    typedef int32_t I __attribute__((vector_size(4 * L)));
    typedef uint32_t U __attribute__((vector_size(4 * L)));
    typedef uint16_t H __attribute__((vector_size(2 * L)));
};
template <int L> using F = typename Vec<L>::F;

typedef uint16_t bf16;

template <int L> ALWAYS_INLINE F<L> load(const float* p) {
    F<L> value;
    std::memcpy(&value, p, sizeof value);
    return value;
}

template <int L> ALWAYS_INLINE F<L> load(const bf16* p) {
#ifdef __AVX512F__
    if constexpr (L == 16) {  // what the general way below means, which GCC 12 takes apart into halves
        __m256i half;
        std::memcpy(&half, p, sizeof half);
        return reinterpret_cast<F<L>>(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
    }
#endif
    typename Vec<L>::H half;
    std::memcpy(&half, p, sizeof half);
    return reinterpret_cast<F<L>>(__builtin_convertvector(half, typename Vec<L>::U) << 16);
}

template <int L> ALWAYS_INLINE void store(float* p, F<L> value) { std::memcpy(p, &value, sizeof value); }

template <int L> ALWAYS_INLINE void store(bf16* p, F<L> value) {
#ifdef __AVX512BF16__
    if constexpr (L == 16) {
        const __m256bh half = _mm512_cvtneps_pbh(reinterpret_cast<__m512>(value));
        std::memcpy(p, &half, sizeof half);
        return;
    }
#endif
    typedef typename Vec<L>::U U;
    const U bits = reinterpret_cast<U>(value);
    const U rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;  // to nearest, ties to even
    const U kept = (value == value) ? rounded : (U{} + 0x7fc0);
    const typename Vec<L>::H half = __builtin_convertvector(kept, typename Vec<L>::H);
    std::memcpy(p, &half, sizeof half);
}

// exp of a vector: 2^n times a polynomial on [-ln2/2, ln2/2] (relative error 2e-7); from 89 on
// infinity, and never less than exp(-87).
template <int L> ALWAYS_INLINE F<L> exponential(F<L> x) {
    typedef typename Vec<L>::I I;
    x = x > 89.0f ? F<L>{} + 89.0f : x;
    x = x < -87.0f ? F<L>{} - 87.0f : x;
    const F<L> shifted = x * 1.44269504f + 12582912.0f;  // adding 1.5 * 2^23 rounds to the nearest integer
    const F<L> n = shifted - 12582912.0f;
    const F<L> r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    F<L> p = F<L>{} + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const I exponent = (__builtin_convertvector(n, I) + 127) << 23;
    return p * reinterpret_cast<F<L>>(exponent);
}

// Activations and their derivative at z. Comparisons are written so that NaN comes through: a training that leaves the
// finite numbers must show it.
struct Identity {
    template <int L> static ALWAYS_INLINE F<L> value(F<L> z) { return z; }
    template <int L> static ALWAYS_INLINE F<L> times_slope(F<L>, F<L> grad) { return grad; }
};
struct Relu {
    template <int L> static ALWAYS_INLINE F<L> value(F<L> z) { return z < 0.0f ? F<L>{} : z; }
    template <int L> static ALWAYS_INLINE F<L> times_slope(F<L> z, F<L> grad) { return z <= 0.0f ? F<L>{} : grad; }
};
struct Relu6 {
    template <int L> static ALWAYS_INLINE F<L> value(F<L> z) {
        const F<L> low = z < 0.0f ? F<L>{} : z;
        return low > 6.0f ? F<L>{} + 6.0f : low;
    }
    template <int L> static ALWAYS_INLINE F<L> times_slope(F<L> z, F<L> grad) {
        const F<L> low = z <= 0.0f ? F<L>{} : grad;
        return z >= 6.0f ? F<L>{} : low;
    }
};
struct Silu {
    template <int L> static ALWAYS_INLINE F<L> value(F<L> z) { return z / (exponential<L>(-z) + 1.0f); }
    template <int L> static ALWAYS_INLINE F<L> times_slope(F<L> z, F<L> grad) {
        const F<L> sigmoid = 1.0f / (exponential<L>(-z) + 1.0f);
        return grad * sigmoid * (z * (1.0f - sigmoid) + 1.0f);
    }
};

constexpr int64_t kStreams = 4;   // rows summed in registers before their sums go to memory
constexpr int64_t kFlush = 2048;  // rows summed in float before they join a double

// Calls body(row, apart, count, channel) for blocks of L channels of `count` rows that lie `apart` from each other, and
// flush() between long stretches. The rows of a group are far apart so that each belongs to a stream of its own through
// memory: neighbouring rows, a block of each, are no pattern that the processor would fetch ahead.
template <int L, class Body, class Flush>
ALWAYS_INLINE void by_row_groups(int64_t rows, int64_t channels, Body body, Flush flush) {
    for (int64_t from = 0; from < rows; from += kFlush) {
        const int64_t to = std::min(from + kFlush, rows), apart = (to - from) / kStreams;
        const auto group = [&](int64_t row, auto count) __attribute__((always_inline)) {
            for (int64_t c = 0; c < channels; c += L) body(row, apart, count, std::min(c, channels - L));
        };
        for (int64_t row = from; row < from + apart; ++row) group(row, std::integral_constant<int, kStreams>());
        for (int64_t row = from + kStreams * apart; row < to; ++row) group(row, std::integral_constant<int, 1>());
        flush();
    }
}

// Two sums a channel, gathered in float and kept in double. The last block, which overlaps, has a place of its own.
template <int L> struct Sums {
    const int64_t last, overlap;
    std::vector<float> first, second;
    std::vector<double> total_first, total_second;
    explicit Sums(int64_t channels)
        : last(channels - L),
          overlap((L - channels % L) % L),
          first(channels + overlap),
          second(channels + overlap),
          total_first(channels + overlap),
          total_second(channels + overlap) {}
    // Where the block that begins at channel c lies, and, afterwards, channel c itself.
    int64_t place(int64_t c) const { return c < last ? c : c + overlap; }
    void flush() {
        for (size_t c = 0; c < first.size(); ++c) {
            total_first[c] += first[c];
            total_second[c] += second[c];
            first[c] = second[c] = 0;
        }
    }
};

// mean (C) and biased variance (C) of x (rows, C).
template <class T, int L> void moments(const T* x, int64_t rows, int64_t channels, float* mean, float* variance) {
    // Summed around the first row: squares of a feature far from zero would cancel.
    std::vector<float> shift(channels);
    for (int64_t c = 0; c < channels; ++c) shift[c] = load<1>(x + c)[0];
    Sums<L> sums(channels);
    by_row_groups<L>(
        rows, channels,
        [&](int64_t row, int64_t apart, auto count, int64_t c) __attribute__((always_inline)) {
            const int64_t at = sums.place(c);
            const F<L> origin = load<L>(&shift[c]);
            F<L> sum = load<L>(&sums.first[at]), square = load<L>(&sums.second[at]);
            const T* p = x + row * channels + c;
            for (int i = 0; i < count(); ++i, p += apart * channels) {
                const F<L> value = load<L>(p) - origin;
                sum += value;
                square += value * value;
            }
            store<L>(&sums.first[at], sum);
            store<L>(&sums.second[at], square);
        },
        [&] { sums.flush(); });
    for (int64_t c = 0; c < channels; ++c) {
        const int64_t at = sums.place(c);
        const double centre = sums.total_first[at] / rows;
        mean[c] = float(shift[c] + centre);
        const double squares = sums.total_second[at] / rows - centre * centre;
        variance[c] = float(squares < 0 ? 0 : squares);  // rounding may leave less than nothing; NaN stays
    }
}

// y = act(x * scale + shift).
template <class T, int L, class Act>
void apply(const T* x, int64_t rows, int64_t channels, const float* scale, const float* shift, T* y) {
    for (int64_t row = 0; row < rows; ++row, x += channels, y += channels)
        for (int64_t block = 0; block < channels; block += L) {
            const int64_t c = std::min(block, channels - L);
            store<L>(y + c, Act::template value<L>(load<L>(x + c) * load<L>(scale + c) + load<L>(shift + c)));
        }
}

// With g = grad * act'(x * scale + shift): sum of g, and of g * (x - mean), over the rows.
template <class T, int L, class Act>
void backward_sums(const T* grad, const T* x, int64_t rows, int64_t channels, const float* scale, const float* shift,
                   const float* mean, float* sum_g, float* sum_gx) {
    Sums<L> sums(channels);
    by_row_groups<L>(
        rows, channels,
        [&](int64_t row, int64_t apart, auto count, int64_t c) __attribute__((always_inline)) {
            const int64_t at = sums.place(c);
            const F<L> a = load<L>(scale + c), b = load<L>(shift + c), centre = load<L>(mean + c);
            F<L> first = load<L>(&sums.first[at]), second = load<L>(&sums.second[at]);
            const int64_t offset = row * channels + c;
            const T *px = x + offset, *pg = grad + offset;
            for (int i = 0; i < count(); ++i, px += apart * channels, pg += apart * channels) {
                const F<L> value = load<L>(px);
                const F<L> g = Act::template times_slope<L>(value * a + b, load<L>(pg));
                first += g;
                second += g * (value - centre);
            }
            store<L>(&sums.first[at], first);
            store<L>(&sums.second[at], second);
        },
        [&] { sums.flush(); });
    for (int64_t c = 0; c < channels; ++c) {
        const int64_t at = sums.place(c);
        sum_g[c] = float(sums.total_first[at]);
        sum_gx[c] = float(sums.total_second[at]);
    }
}

// x_grad = g * scale + offset + x * slope, g as in backward_sums.
template <class T, int L, class Act>
void backward_apply(const T* grad, const T* x, int64_t rows, int64_t channels, const float* scale, const float* shift,
                    const float* offset, const float* slope, T* x_grad) {
    for (int64_t row = 0; row < rows; ++row, x += channels, grad += channels, x_grad += channels)
        for (int64_t block = 0; block < channels; block += L) {
            const int64_t c = std::min(block, channels - L);
            const F<L> value = load<L>(x + c), a = load<L>(scale + c);
            const F<L> g = Act::template times_slope<L>(value * a + load<L>(shift + c), load<L>(grad + c));
            store<L>(x_grad + c, g * a + (load<L>(offset + c) + value * load<L>(slope + c)));
        }
}

// Depthwise 3×3 convolutions, padding 1; w is (9, C), the taps row by row. An image's row is walked once for each block
// of channels, in jumps that the processor does not foresee, so the rows to come are fetched ahead by hand: twice the
// speed. Fetching beyond the end of a tensor does nothing.
struct Image {
    int64_t count, height, width, channels;
};

// Rows above, at and below `row` of one image; those outside are zeros.
template <class T> struct ThreeRows {
    const T* row[3];
    ThreeRows(const T* image, int64_t at, const Image& s, const T* zeros) {
        for (int k = 0; k < 3; ++k) {
            const int64_t y = at + k - 1;
            row[k] = y < 0 || y >= s.height ? zeros : image + y * s.width * s.channels;
        }
    }
};

template <class T, int L> void depthwise1(const T* x, const float* w, Image s, T* y) {
    const std::vector<T> zeros(s.width * s.channels);
    const int64_t C = s.channels;
    for (int64_t n = 0; n < s.count; ++n)
        for (int64_t h = 0; h < s.height; ++h) {
            const ThreeRows<T> in(x + n * s.height * s.width * C, h, s, zeros.data());
            T* out = y + (n * s.height + h) * s.width * C;
            for (int64_t block = 0; block < C; block += L) {
                const int64_t c = std::min(block, C - L);
                F<L> tap[9];
                for (int k = 0; k < 9; ++k) tap[k] = load<L>(w + k * C + c);
                F<L> left{}, here{};  // sums of the pixel to the left and of this one, so far
                for (int64_t i = 0; i < s.width; ++i) {
                    __builtin_prefetch(in.row[2] + (s.width + i) * C + c);
                    __builtin_prefetch(out + (s.width + i) * C + c, 1);
                    const F<L> a = load<L>(in.row[0] + i * C + c), b = load<L>(in.row[1] + i * C + c),
                               d = load<L>(in.row[2] + i * C + c);
                    left += a * tap[2] + b * tap[5] + d * tap[8];
                    here += a * tap[1] + b * tap[4] + d * tap[7];
                    const F<L> right = a * tap[0] + b * tap[3] + d * tap[6];
                    if (i > 0) store<L>(out + (i - 1) * C + c, left);
                    left = here;
                    here = right;
                }
                store<L>(out + (s.width - 1) * C + c, left);
            }
        }
}

template <class T, int L> void depthwise2(const T* x, const float* w, Image s, T* y) {
    const std::vector<T> zeros(s.width * s.channels);
    const int64_t C = s.channels, height = (s.height + 1) / 2, width = (s.width + 1) / 2;
    for (int64_t n = 0; n < s.count; ++n)
        for (int64_t h = 0; h < height; ++h) {
            const ThreeRows<T> in(x + n * s.height * s.width * C, 2 * h, s, zeros.data());
            T* out = y + (n * height + h) * width * C;
            for (int64_t block = 0; block < C; block += L) {
                const int64_t c = std::min(block, C - L);
                F<L> tap[9], before[3] = {};
                for (int k = 0; k < 9; ++k) tap[k] = load<L>(w + k * C + c);
                for (int64_t i = 0; i < width; ++i) {
                    F<L> sum{};
                    for (int k = 1; k <= 2; ++k)
                        for (int j = 0; j < 2; ++j)
                            __builtin_prefetch(in.row[2] + (k * s.width + 2 * i + j) * C + c);
                    __builtin_prefetch(out + (width + i) * C + c, 1);
                    for (int k = 0; k < 3; ++k) {
                        const T* p = in.row[k] + 2 * i * C + c;
                        const F<L> after = 2 * i + 1 < s.width ? load<L>(p + C) : F<L>{};
                        sum += before[k] * tap[3 * k] + load<L>(p) * tap[3 * k + 1] + after * tap[3 * k + 2];
                        before[k] = after;
                    }
                    store<L>(out + i * C + c, sum);
                }
            }
        }
}

// Input gradient of depthwise2; `s` is the input's shape.
template <class T, int L> void depthwise2_input(const T* grad, const float* w, Image s, T* x_grad) {
    const int64_t C = s.channels, height = (s.height + 1) / 2, width = (s.width + 1) / 2;
    const std::vector<T> zeros(width * C);
    for (int64_t n = 0; n < s.count; ++n)
        for (int64_t h = 0; h < s.height; ++h) {
            // An even row was read by the middle taps of one output row, an odd one by the outer taps of two.
            const int64_t above = h / 2, below = h / 2 + 1;
            const T* image = grad + n * height * width * C;
            const T* first = image + above * width * C;
            const T* second = below < height ? image + below * width * C : zeros.data();
            const int first_tap = h % 2 ? 6 : 3;
            T* out = x_grad + (n * s.height + h) * s.width * C;
            for (int64_t block = 0; block < C; block += L) {
                const int64_t c = std::min(block, C - L);
                F<L> tap[3], other[3];
                for (int k = 0; k < 3; ++k) {
                    tap[k] = load<L>(w + (first_tap + k) * C + c);
                    other[k] = load<L>(w + k * C + c);
                }
                F<L> a = load<L>(first + c), b = h % 2 ? load<L>(second + c) : F<L>{};
                for (int64_t i = 0; i < width; ++i) {
                    const bool more = i + 1 < width;
                    __builtin_prefetch(out + (s.width + 2 * i) * C + c, 1);
                    __builtin_prefetch(out + (s.width + 2 * i + 1) * C + c, 1);
                    const F<L> next_a = more ? load<L>(first + (i + 1) * C + c) : F<L>{};
                    const F<L> next_b = more && h % 2 ? load<L>(second + (i + 1) * C + c) : F<L>{};
                    store<L>(out + 2 * i * C + c, a * tap[1] + b * other[1]);
                    if (2 * i + 1 < s.width)
                        store<L>(out + (2 * i + 1) * C + c,
                                 a * tap[2] + b * other[2] + next_a * tap[0] + next_b * other[0]);
                    a = next_a;
                    b = next_b;
                }
            }
        }
}

// Weight gradient (9, C) for stride 1 and 2; `s` is the input's shape.
template <class T, int L, int Stride>
void depthwise_weight(const T* grad, const T* x, Image s, float* w_grad) {
    const std::vector<T> zeros(s.width * s.channels);
    const int64_t C = s.channels, height = (s.height + Stride - 1) / Stride, width = (s.width + Stride - 1) / Stride;
    const int64_t blocks = (C + L - 1) / L;
    std::vector<float> sums(9 * blocks * L);
    std::vector<double> totals(9 * blocks * L);
    for (int64_t n = 0; n < s.count; ++n) {
        for (int64_t h = 0; h < height; ++h) {
            const ThreeRows<T> in(x + n * s.height * s.width * C, Stride * h, s, zeros.data());
            const T* out = grad + (n * height + h) * width * C;
            for (int64_t block = 0; block < blocks; ++block) {
                const int64_t c = std::min(block * L, C - L);
                float* kept = &sums[9 * block * L];
                F<L> sum[9];
                for (int k = 0; k < 9; ++k) sum[k] = load<L>(kept + k * L);
                F<L> before[3] = {}, here[3];
                if constexpr (Stride == 1)
                    for (int k = 0; k < 3; ++k) here[k] = load<L>(in.row[k] + c);
                for (int64_t i = 0; i < width; ++i) {
                    const F<L> g = load<L>(out + i * C + c);
                    __builtin_prefetch(out + (width + i) * C + c);
                    for (int k = 1; k <= Stride; ++k)
                        __builtin_prefetch(in.row[2] + (k * s.width + Stride * i) * C + c);
                    if constexpr (Stride == 2)
                        for (int k = 1; k <= Stride; ++k)
                            __builtin_prefetch(in.row[2] + (k * s.width + Stride * i + 1) * C + c);
                    const bool more = Stride * i + 1 < s.width;
                    for (int k = 0; k < 3; ++k) {
                        const T* p = in.row[k] + Stride * i * C + c;
                        if constexpr (Stride == 2) here[k] = load<L>(p);
                        const F<L> after = more ? load<L>(p + C) : F<L>{};
                        sum[3 * k] += g * before[k];
                        sum[3 * k + 1] += g * here[k];
                        sum[3 * k + 2] += g * after;
                        before[k] = Stride == 1 ? here[k] : after;
                        here[k] = after;
                    }
                }
                for (int k = 0; k < 9; ++k) store<L>(kept + k * L, sum[k]);
            }
        }
        for (size_t k = 0; k < sums.size(); ++k) {
            totals[k] += sums[k];
            sums[k] = 0;
        }
    }
    for (int64_t block = 0; block < blocks; ++block)
        for (int k = 0; k < 9; ++k)
            for (int64_t i = 0; i < L; ++i)
                w_grad[k * C + std::min(block * L, C - L) + i] = float(totals[(9 * block + k) * L + i]);
}

// Turns the numbers that come from outside into types: body is called with a value of T, lanes, and an activation.
template <class Body> void with_types(int64_t is_bf16, int64_t channels, Body body) {
    const auto with_lanes = [&](auto value) {
        if (channels >= 16)
            body(value, std::integral_constant<int, 16>());
        else if (channels >= 8)
            body(value, std::integral_constant<int, 8>());
        else if (channels >= 4)
            body(value, std::integral_constant<int, 4>());
        else
            body(value, std::integral_constant<int, 1>());
    };
    is_bf16 ? with_lanes(bf16()) : with_lanes(float());
}

template <class Body> void with_activation(int64_t activation, Body body) {
    switch (activation) {
        case 0: return body(Identity());
        case 1: return body(Relu());
        case 2: return body(Relu6());
        case 3: return body(Silu());
    }
}

template <class T> const T* in(const void* p, T) { return static_cast<const T*>(p); }
template <class T> T* out(void* p, T) { return static_cast<T*>(p); }

}  // namespace

extern "C" {

void bn_moments(int64_t is_bf16, int64_t rows, int64_t channels, const void* x, float* mean, float* variance) {
    with_types(is_bf16, channels, [&](auto t, auto lanes) {
        moments<decltype(t), lanes()>(in(x, t), rows, channels, mean, variance);
    });
}

void bn_apply(int64_t is_bf16, int64_t activation, int64_t rows, int64_t channels, const void* x, const float* scale,
              const float* shift, void* y) {
    with_types(is_bf16, channels, [&](auto t, auto lanes) {
        with_activation(activation, [&](auto act) {
            apply<decltype(t), lanes(), decltype(act)>(in(x, t), rows, channels, scale, shift, out(y, t));
        });
    });
}

void bn_backward_sums(int64_t is_bf16, int64_t activation, int64_t rows, int64_t channels, const void* grad,
                      const void* x, const float* scale, const float* shift, const float* mean, float* sum_g,
                      float* sum_gx) {
    with_types(is_bf16, channels, [&](auto t, auto lanes) {
        with_activation(activation, [&](auto act) {
            backward_sums<decltype(t), lanes(), decltype(act)>(in(grad, t), in(x, t), rows, channels, scale, shift, mean,
                                                               sum_g, sum_gx);
        });
    });
}

void bn_backward_apply(int64_t is_bf16, int64_t activation, int64_t rows, int64_t channels, const void* grad,
                       const void* x, const float* scale, const float* shift, const float* offset, const float* slope,
                       void* x_grad) {
    with_types(is_bf16, channels, [&](auto t, auto lanes) {
        with_activation(activation, [&](auto act) {
            backward_apply<decltype(t), lanes(), decltype(act)>(in(grad, t), in(x, t), rows, channels, scale, shift,
                                                                offset, slope, out(x_grad, t));
        });
    });
}

void depthwise_forward(int64_t is_bf16, int64_t stride, int64_t count, int64_t height, int64_t width, int64_t channels,
                       const void* x, const float* w, void* y) {
    with_types(is_bf16, channels, [&](auto t, auto lanes) {
        typedef decltype(t) T;
        const Image s{count, height, width, channels};
        stride == 1 ? depthwise1<T, lanes()>(in(x, t), w, s, out(y, t))
                    : depthwise2<T, lanes()>(in(x, t), w, s, out(y, t));
    });
}

void depthwise_input_gradient(int64_t is_bf16, int64_t count, int64_t height, int64_t width, int64_t channels,
                              const void* grad, const float* w, void* x_grad) {
    with_types(is_bf16, channels, [&](auto t, auto lanes) {
        depthwise2_input<decltype(t), lanes()>(in(grad, t), w, Image{count, height, width, channels}, out(x_grad, t));
    });
}

void depthwise_weight_gradient(int64_t is_bf16, int64_t stride, int64_t count, int64_t height, int64_t width,
                               int64_t channels, const void* grad, const void* x, float* w_grad) {
    with_types(is_bf16, channels, [&](auto t, auto lanes) {
        typedef decltype(t) T;
        const Image s{count, height, width, channels};
        stride == 1 ? depthwise_weight<T, lanes(), 1>(in(grad, t), in(x, t), s, w_grad)
                    : depthwise_weight<T, lanes(), 2>(in(grad, t), in(x, t), s, w_grad);
    });
}

}  // extern "C"
