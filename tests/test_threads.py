"""Threads of NumPy's library for products of matrices."""

from threadpoolctl import threadpool_info, threadpool_limits

from awarenet.threads import one_blas_thread


def threads() -> set[int]:
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_products_of_matrices_take_one_thread_within_the_block_and_their_own_number_after_it():
    with threadpool_limits(2, user_api="blas"):
        assert threads() == {2}
        with one_blas_thread():
            assert threads() == {1}
        assert threads() == {2}
