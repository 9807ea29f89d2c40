#include "coe/child/heal/linear_algebra.h"

#include "coe/base/jobs.h"
#include "coe/base/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cblas.h>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

// LAPACK's, which OpenBLAS has; the last two arguments are the lengths of the first two.
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" void dsyevd_(const char* job, const char* half, const int* n, double* a, const int* lda,
                        double* values, double* work, const int* n_work, int* iwork,
                        const int* n_iwork, int* info, std::size_t job_length,
                        std::size_t half_length);

namespace coe {
namespace {

void product(CBLAS_TRANSPOSE of_a, CBLAS_TRANSPOSE of_b, std::size_t m, std::size_t n,
             std::size_t k, const MatrixView& a, const MatrixView& b, Matrix& c) {
  reshape(c, m, n);
  if (m == 0 || n == 0 || k == 0) return;
  cblas_sgemm(CblasRowMajor, of_a, of_b, static_cast<int>(m), static_cast<int>(n),
              static_cast<int>(k), 1.0F, a.values, static_cast<int>(a.n_column), b.values,
              static_cast<int>(b.n_column), 0.0F, c.values.data(), static_cast<int>(n));
}

std::atomic<unsigned>& math_threads() {
  static std::atomic<unsigned> count = 0;
  return count;
}

}  // namespace

MathThreads::MathThreads(unsigned n_thread) : before_(openblas_get_num_threads()) {
  math_threads() = n_thread;
  openblas_set_num_threads(static_cast<int>(n_thread));
}

MathThreads::~MathThreads() {
  math_threads() = 0;
  openblas_set_num_threads(before_);
}

unsigned MathThreads::count() { return math_threads(); }

void reshape(Matrix& matrix, std::size_t n_row, std::size_t n_column) {
  if (matrix.n_row != n_row || matrix.n_column != n_column) matrix = Matrix(n_row, n_column);
}

void for_rows(std::size_t n, const std::function<void(std::size_t)>& work) {
  constexpr std::size_t kRowsAtOnce = 64;  // that are worth a thread
  const std::size_t n_piece = (n + kRowsAtOnce - 1) / kRowsAtOnce;
  for_each_at_once(n_piece, MathThreads::count(), [&](std::size_t piece) {
    const std::size_t first = piece * kRowsAtOnce;
    for (std::size_t r = first; r < std::min(n, first + kRowsAtOnce); ++r) work(r);
  });
}

void for_columns(std::size_t n, const std::function<void(std::size_t, std::size_t)>& work) {
  constexpr std::size_t kColumnsAtOnce = 64;  // some lines of the cache
  for_each_at_once((n + kColumnsAtOnce - 1) / kColumnsAtOnce, MathThreads::count(),
                   [&](std::size_t piece) {
                     const std::size_t first = piece * kColumnsAtOnce;
                     work(first, std::min(n, first + kColumnsAtOnce));
                   });
}

void multiply_transposed(const MatrixView& a, const MatrixView& b, Matrix& c) {
  COE_CHECK(a.n_column == b.n_column);
  product(CblasNoTrans, CblasTrans, a.n_row, b.n_row, a.n_column, a, b, c);
}

void multiply(const MatrixView& a, const MatrixView& b, Matrix& c) {
  COE_CHECK(a.n_column == b.n_row);
  product(CblasNoTrans, CblasNoTrans, a.n_row, b.n_column, a.n_column, a, b, c);
}

void transposed_multiply(const MatrixView& a, const MatrixView& b, Matrix& c) {
  COE_CHECK(a.n_row == b.n_row);
  product(CblasTrans, CblasNoTrans, a.n_column, b.n_column, a.n_row, a, b, c);
}

double Symmetric::trace() const {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) sum += values[i * n + i];
  return sum;
}

Result<Eigen> eigen_of(Symmetric h) {
  Eigen eigen;
  eigen.values.resize(h.n);
  const int n = static_cast<int>(h.n);
  int info = 0;
  const auto solve = [&](std::vector<double>& work, int n_work, std::vector<int>& iwork,
                         int n_iwork) {
    dsyevd_("V", "U", &n, h.values.data(), &n, eigen.values.data(), work.data(), &n_work,
            iwork.data(), &n_iwork, &info, 1, 1);
  };
  std::vector<double> work(1);
  std::vector<int> iwork(1);
  solve(work, -1, iwork, -1);  // asks how much room it wants
  const int n_work = static_cast<int>(work.front());
  const int n_iwork = iwork.front();
  work.resize(static_cast<std::size_t>(n_work));
  iwork.resize(static_cast<std::size_t>(n_iwork));
  solve(work, n_work, iwork, n_iwork);
  if (info != 0)
    return fail(Code::kInternal, fmt::format("the eigenvalues of a matrix of {} rows cannot be "
                                             "computed (LAPACK says {})",
                                             h.n, info));
  eigen.vectors = Matrix(h.n, h.n);
  for (std::size_t i = 0; i < h.values.size(); ++i)
    eigen.vectors.values[i] = static_cast<float>(h.values[i]);
  return eigen;
}

}  // namespace coe
