// Dense matrices and the few operations on them that healing needs. BLAS and LAPACK do the work, or
// a device does the products.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/matrix_products.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace coe {

// Row-major: row r is values[r * n_column … ].
struct Matrix {
  std::size_t n_row = 0;
  std::size_t n_column = 0;
  std::vector<float> values;

  Matrix() = default;
  Matrix(std::size_t rows, std::size_t columns)
      : n_row(rows), n_column(columns), values(rows * columns) {}
  std::span<float> row(std::size_t r) { return std::span(values).subspan(r * n_column, n_column); }
  std::span<const float> row(std::size_t r) const {
    return std::span(values).subspan(r * n_column, n_column);
  }
};

// Rows of a matrix that somebody else owns and does not change meanwhile.
struct MatrixView {
  std::size_t n_row = 0;
  std::size_t n_column = 0;
  const float* values = nullptr;

  MatrixView() = default;
  MatrixView(const Matrix& matrix)  // NOLINT(google-explicit-constructor): views are made in calls
      : n_row(matrix.n_row), n_column(matrix.n_column), values(matrix.values.data()) {}
  std::span<const float> row(std::size_t r) const { return {values + r * n_column, n_column}; }
  // Rows [first, first + n).
  MatrixView rows(std::size_t first, std::size_t n) const {
    MatrixView part = *this;
    part.n_row = n;
    part.values += first * n_column;
    return part;
  }
};

// All that is computed here has so many threads for as long as this lives, OpenBLAS's among them;
// all cores before and after it. One at a time in a process: OpenBLAS's number is the process's.
class MathThreads {
 public:
  explicit MathThreads(unsigned n_thread);
  ~MathThreads();
  MathThreads(const MathThreads&) = delete;
  MathThreads& operator=(const MathThreads&) = delete;

  // 0: all cores.
  static unsigned count();

 private:
  int before_;  // OpenBLAS's
};

// Large products are computed on a device for as long as this lives. One at a time in a process,
// with products from one thread. Where the device fails, the CPU goes on.
class MathDevice {
 public:
  // `products`: null for the CPU, else it must outlive this.
  explicit MathDevice(MatrixProducts* products);
  ~MathDevice();
  MathDevice(const MathDevice&) = delete;
  MathDevice& operator=(const MathDevice&) = delete;

  // Says why the device was left.
  const std::optional<Error>& failure() const { return failure_; }
  // Tokens of one pass over many: more of them on a device, to which the weights travel for each.
  static std::size_t pass_tokens();
  // Whether it was done. The product's shape must be that of `c`.
  static bool multiply(const Factor& a, const Factor& b, Matrix& c);

 private:
  MatrixProducts* products_;
  std::optional<Error> failure_;
};

// Gives the matrix a shape. Its values are kept where it has that shape already, else they are
// lost.
void reshape(Matrix& matrix, std::size_t n_row, std::size_t n_column);

// Does work(row) for each of n rows, on MathThreads. Calls must not depend on each other.
void for_rows(std::size_t n, const std::function<void(std::size_t)>& work);

// Does work(first, last) for ranges of columns that cover n, on MathThreads.
void for_columns(std::size_t n, const std::function<void(std::size_t, std::size_t)>& work);

// C = A · Bᵀ for A [m, k] and B [n, k]. C gets the shape [m, n]. So do those below; inner
// dimensions must agree.
void multiply_transposed(const MatrixView& a, const MatrixView& b, Matrix& c);
// C = A · B for A [m, k] and B [k, n].
void multiply(const MatrixView& a, const MatrixView& b, Matrix& c);
// C = Aᵀ · B for A [k, m] and B [k, n].
void transposed_multiply(const MatrixView& a, const MatrixView& b, Matrix& c);

// A symmetric matrix in double, as sums over many tokens need it. Shape: [n, n].
struct Symmetric {
  std::size_t n = 0;
  std::vector<double> values;

  explicit Symmetric(std::size_t size) : n(size), values(size * size) {}
  double trace() const;
};

// H = Q Λ Qᵀ: row i of `vectors` is the eigenvector of values[i], ascending.
struct Eigen {
  std::vector<double> values;
  Matrix vectors;
};
// Errors: kInternal where LAPACK does not converge, which numbers that are none make it do.
Result<Eigen> eigen_of(Symmetric h);

}  // namespace coe
