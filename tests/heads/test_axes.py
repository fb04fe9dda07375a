from __future__ import annotations

import numpy as np
import pytest

from wsegs.heads import axes as module
from wsegs.heads.axes import Coordinates, PrincipalAxes

from .conftest import make_data


def covariance_of(axes: PrincipalAxes) -> np.ndarray:
    return (axes.axes * axes.variances) @ axes.axes.T


def test_axes_are_those_of_the_covariance() -> None:
    features = make_data(90, 12)[0] + np.float32(3)
    axes = PrincipalAxes.measure(features)
    np.testing.assert_allclose(axes.mean, features.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(covariance_of(axes), np.cov(features.T, bias=True), atol=1e-4)
    np.testing.assert_allclose(axes.axes.T @ axes.axes, np.eye(12), atol=1e-5)


def test_fewer_rows_than_features_give_the_axes_that_there_are() -> None:
    features = make_data(8, 30)[0] + np.float32(3)
    axes = PrincipalAxes.measure(features)
    assert axes.axes.shape == (30, 7)  # one is lost to the mean
    np.testing.assert_allclose(covariance_of(axes), np.cov(features.T, bias=True), atol=1e-4)
    np.testing.assert_allclose(axes.axes.T @ axes.axes, np.eye(7), atol=1e-4)


def test_features_that_do_not_vary_have_no_axes() -> None:
    assert PrincipalAxes.measure(np.ones((3, 5), np.float32)).axes.shape == (5, 0)


def test_many_features_have_the_axes_of_some_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_AXES", 10)
    assert PrincipalAxes.measure(make_data(100, 30)[0]).axes.shape == (30, 9)


@pytest.mark.parametrize("images", [5, 200])
def test_a_gradient_by_the_coordinates_is_that_of_the_step(images: int) -> None:
    features, _ = make_data(images, 12)
    axes, rng = PrincipalAxes.measure(features + np.float32(1)), np.random.default_rng(1)
    coordinates = Coordinates(axes, np.array([0.25, 0.02]), np.array([0.1, 3.0]))
    moves, gradient = rng.normal(size=(2, 13, 2)).astype(np.float32)
    if images > 12:
        ours = coordinates.gradient(gradient)
        np.testing.assert_allclose((ours * moves).sum(axis=0), (gradient * coordinates.step(moves)).sum(axis=0), 1e-3)
    coordinates.keep(np.array([False, True]))
    assert coordinates.step(moves[:, 1:]).shape == coordinates.gradient(gradient[:, 1:]).shape == (13, 1)


@pytest.mark.parametrize("images", [6, 200])
def test_a_quadratic_objective_curves_alike_in_all_directions(images: int) -> None:
    features, _ = make_data(images, 12)
    features += np.float32(1)
    curvature, penalty = 0.25, 0.1
    coordinates = Coordinates(PrincipalAxes.measure(features), np.array([curvature]), np.array([penalty]))
    rows = np.concatenate([features, np.ones((images, 1), np.float32)], axis=1)
    hessian = curvature * rows.T @ rows / images + penalty * np.diag([1.0] * 12 + [0.0])
    steps = np.stack([coordinates.step(column[:, None].astype(np.float32))[:, 0] for column in np.eye(13)], axis=1)
    curves = np.linalg.eigvalsh(steps.T @ hessian @ steps)
    assert curves.max() < 2 if images > 12 else curves.max() < 1.01 + 1e-3
    assert curves.min() > 0 if images < 12 else curves.min() > 0.5
