"""Runs tasks."""
