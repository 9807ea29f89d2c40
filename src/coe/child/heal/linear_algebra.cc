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

constexpr std::size_t kWorthADevice = 100'000'000;  // operations of a product

void product(const Factor& a, const Factor& b, Matrix& c) {
  const std::size_t m = a.transposed ? a.n_column : a.n_row;
  const std::size_t k = a.transposed ? a.n_row : a.n_column;
  const std::size_t n = b.transposed ? b.n_row : b.n_column;
  COE_CHECK(k == (b.transposed ? b.n_column : b.n_row));
  reshape(c, m, n);
  if (m == 0 || n == 0 || k == 0) return;
  if (2 * m * n * k >= kWorthADevice && MathDevice::multiply(a, b, c)) return;
  cblas_sgemm(CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans,
              b.transposed ? CblasTrans : CblasNoTrans, static_cast<int>(m), static_cast<int>(n),
              static_cast<int>(k), 1.0F, a.values, static_cast<int>(a.n_column), b.values,
              static_cast<int>(b.n_column), 0.0F, c.values.data(), static_cast<int>(n));
}

Factor factor(const MatrixView& matrix, bool transposed = false) {
  return {matrix.values, matrix.n_row, matrix.n_column, transposed};
}

std::atomic<unsigned>& math_threads() {
  static std::atomic<unsigned> count = 0;
  return count;
}

// The steps of LAPACK's eigenvectors are too small for many threads. 2,112 rows take 1.5 s with one
// thread, 0.64 s with four and 0.45 s with sixteen; two on two busy cores took 20 s, and one 1 s.
class FewBlasThreads {
 public:
  FewBlasThreads() : before_(openblas_get_num_threads()) {
    openblas_set_num_threads(std::max(1, before_ / 4));
  }
  ~FewBlasThreads() { openblas_set_num_threads(before_); }
  FewBlasThreads(const FewBlasThreads&) = delete;
  FewBlasThreads& operator=(const FewBlasThreads&) = delete;

 private:
  int before_;
};

MathDevice*& math_device() {
  static MathDevice* device = nullptr;
  return device;
}

}  // namespace

MathDevice::MathDevice(MatrixProducts* products) : products_(products) { math_device() = this; }

MathDevice::~MathDevice() { math_device() = nullptr; }

std::size_t MathDevice::pass_tokens() {
  const auto* device = math_device();
  return device != nullptr && device->products_ != nullptr ? 8192 : 2048;
}

bool MathDevice::multiply(const Factor& a, const Factor& b, Matrix& c) {
  auto* device = math_device();
  if (device == nullptr || device->products_ == nullptr) return false;
  const auto status = device->products_->multiply(a, b, c.values);
  if (status) return true;
  device->failure_ = status.error();
  device->products_ = nullptr;
  return false;
}

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
  product(factor(a), factor(b, true), c);
}

void multiply(const MatrixView& a, const MatrixView& b, Matrix& c) {
  product(factor(a), factor(b), c);
}

void transposed_multiply(const MatrixView& a, const MatrixView& b, Matrix& c) {
  product(factor(a, true), factor(b), c);
}

double Symmetric::trace() const {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) sum += values[i * n + i];
  return sum;
}

Result<Eigen> eigen_of(Symmetric h) {
  const FewBlasThreads few;
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
